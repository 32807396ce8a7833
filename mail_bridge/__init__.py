"""Between the two halves of a mail server: each recipient's copy gets its pixel on the way."""
