"""How the configurations' tables came to be, one step a file, in the order of their numbers."""
