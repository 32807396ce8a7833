"""Rewriting: puts a sealed tracking pixel into outgoing messages, octet by octet."""
