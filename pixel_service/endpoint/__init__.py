"""Answers mail clients.  The pixel is served whatever happens."""
