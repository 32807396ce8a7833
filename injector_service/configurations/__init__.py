"""Who is tracked, and how: values, the copy in memory that rewriting uses, the database."""
