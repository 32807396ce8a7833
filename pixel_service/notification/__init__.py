"""A notification's octets, and how they are matched when somebody is to be forgotten."""
