"""From a fetch to what may be kept of it: opens the token, has it judged, asks privacy."""
