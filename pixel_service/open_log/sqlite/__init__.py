"""The open log in one SQLite file."""
