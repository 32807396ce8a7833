"""From the contract's messages to values and back; no rules of its own."""
