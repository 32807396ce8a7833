"""Finds header fields, parts and addresses in a message's octets, by offsets; builds no tree."""
