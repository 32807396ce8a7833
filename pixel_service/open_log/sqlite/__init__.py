"""The open log in one SQLite file.

One thread of one process writes, so commits come one after the other: sequence numbers
are the order of the log, and have no gaps.  A missing one is a hole, and is reported.
Readers are threads with connections of their own, which writing never blocks (WAL).

Imports `open_log.sql` and the values of the log.  Read `log` first, then `writer`, and
`counts` for how opens are numbered without a write for each message.
"""
