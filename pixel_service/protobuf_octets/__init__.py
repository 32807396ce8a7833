"""The only protobuf that is written by hand."""
