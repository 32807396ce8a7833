"""What a pixel says of its message, made to fit, sealed, in a URL."""
