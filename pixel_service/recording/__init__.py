"""Brings kept opens into the open log, in order, until it has them."""
