"""How several processes share one SQLite file: one of them writes for all."""
