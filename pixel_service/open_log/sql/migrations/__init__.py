"""How the log's tables came to be, one step a file."""
