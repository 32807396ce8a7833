"""The open log in PostgreSQL, shared by any number of machines."""
