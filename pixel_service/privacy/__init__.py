"""The only doors to what is kept.

Nothing reaches a disk, a log line or a notification but through them.
"""
