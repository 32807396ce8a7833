"""A part's body decoded once, and edited in its encoded form (RFC 2045 section 6)."""
