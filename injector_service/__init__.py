"""The injector service: puts a sealed tracking pixel into outgoing messages, and nothing else."""
