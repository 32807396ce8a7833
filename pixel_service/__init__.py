"""The pixel: serves it, records every fetch as an open, streams the opens."""
