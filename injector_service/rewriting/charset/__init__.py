"""A text as ASCII markup that can be searched, whatever its charset."""
