"""Which copies a message is sent as, and who gets which."""
