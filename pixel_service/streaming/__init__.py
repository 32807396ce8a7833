"""A position in the open log, sent to a client: replay, then follow."""
