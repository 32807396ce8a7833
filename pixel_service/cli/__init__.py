"""The command line: `pixel-service`.  Read `main` first."""
