"""Puts a pixel into a message: octets in, octets out.  Read `rewrite` first.

Imports nothing of ours and no I/O, so that everything here can be tested with bytes.
"""
