"""Inserts many rows with few statements.

The driver lets go of Python's lock for each statement that it runs, and `executemany`
runs one for each row. Beside a busy event loop a thread gets the lock back only after
milliseconds, so a row at a time would make a commit wait for each of its rows.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import sqlalchemy as sa

# Rows of one statement. A few sizes keep SQLite's statement cache warm; ten columns of
# the largest are far from its limit of 32,766 parameters.
_SIZES: Final = (64, 16, 4, 1)


def insert_rows(
    connection: sa.Connection, statement: str, row: str, rows: Sequence[Iterable[object]]
) -> None:
    """Insert *rows*, in their order.

    Args:
        connection: Inside a transaction.
        statement: With `{}` in the place of the rows.
        row: One row's parameters, as `(?, ?)`.
        rows: The values.
    """
    start = 0
    for size in _SIZES:
        while len(rows) - start >= size:
            group = rows[start : start + size]
            connection.exec_driver_sql(
                statement.format(", ".join([row] * size)), tuple(chain.from_iterable(group))
            )
            start += size
