"""Rows of `statements.ENTRIES` as entries of the log."""

from collections.abc import Sequence
from typing import Any

from pixel_service.open_log.numbering import Suffixes
from pixel_service.open_log.values import LogEntry, new_log_entry


def to_entries(rows: Sequence[Any], suffixes: Suffixes) -> list[LogEntry]:
    """Return the entries of *rows*, without those that are only counted or were erased."""
    return [
        new_log_entry(
            (
                transaction,
                sequence,
                configuration_id,
                agent,
                confidence,
                number == 1,
                notification + suffixes[number, burst],
            )
        )
        for (
            transaction,
            sequence,
            configuration_id,
            agent,
            confidence,
            number,
            burst,
            notification,
            _,
            _,
        ) in rows
        if notification
    ]
