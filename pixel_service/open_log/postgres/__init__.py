"""The open log in PostgreSQL, shared by any number of machines.

**Order.**  A sequence gives out numbers before transactions commit.  Whoever follows the
log by number alone passes over an open that commits late with a lower one, and never sees
it.  So (ADR 0009):

1. A row carries the number of the transaction that wrote it, which never wraps
   (`pg_current_xact_id`, an xid8), and its sequence number.  The two are its position.
2. The horizon is the oldest transaction that still runs, anywhere in the cluster
   (`pg_snapshot_xmin`).  Every transaction below it has ended: its rows are all visible, or
   never will be.
3. Readers read in the order of positions, and stop at the horizon.  So nothing ever appears
   before a place that a reader has passed: that is what makes a position a cursor.
4. The head is the last position below the horizon.  A transaction that stays open holds all
   readers back; `LogStats.held_back_seconds` says for how long.  Ours end after ten seconds
   without work.
5. A batch is one statement, whose rows are in the order of the batch; an append that begins
   after another has returned has the higher transaction.  So each caller's opens are in
   its order.
6. A transaction that is rolled back leaves a gap in the sequence.  A hole in the log looks
   the same, so none is reported.
7. In another cluster transaction numbers mean nothing.  A log that was restored there is
   given new positions and a new epoch (`restoring`).

**Waking.**  A trigger tells every listener which transaction wrote opens.  Each process
listens on one connection, and asks for the head until that transaction is below the
horizon; once a second it asks without being told (`head_follower`).

**Counting.**  The rules are those of `numbering`; `numbering_plan` says how they are kept when
the database counts.

Imports `open_log.sql` and the values of the log.  Read `log` first; `statements` has the
horizon, `pool` what becomes of failures.
"""
