"""Statistics in both databases' SQL: marginal counts that a reader of the log keeps up.

A change of counts is one transaction that has locked the one row of state first (`state`).
Read ADR 0034 first; then `opens`, which says what an open counts as, `tallies` for what it
counts by itself, `holders` and `change` for how many messages were opened, and `counting` for
what becomes of opens.  `tracked` keeps what injector services have tracked, `reading` adds up
whatever is asked for.
"""
