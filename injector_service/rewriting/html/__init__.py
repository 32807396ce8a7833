"""Where a pixel can stand in HTML, by the standard's tokenizer; which pixels are ours."""
