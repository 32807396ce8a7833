"""Writes many rows with few statements.

Few, because SQLite's driver lets go of Python's lock for each; see `sqlite.rows`.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

# Rows of one statement: a few sizes keep statement caches warm, and thirteen columns of the
# largest are far from both databases' limits of parameters.
_SIZES: Final = (64, 8, 1)


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Sequence[object]],
    *,
    is_added: bool,
) -> None:
    """Write *rows*, each once; what is there is replaced, or added to."""
    start = 0
    for size in _SIZES:
        while len(rows) - start >= size:
            group = rows[start : start + size]
            statement = _upsert(table, size, connection.dialect.name, is_added=is_added)
            connection.exec_driver_sql(statement, tuple(itertools.chain.from_iterable(group)))
            start += size


def _upsert(table: sa.Table, size: int, dialect: str, *, is_added: bool) -> str:
    keys = [column.name for column in table.primary_key]
    names = [column.name for column in table.columns]
    others = [name for name in names if name not in keys]
    old = f"{table.name}.{{0}} + " if is_added else ""
    changes = ", ".join(f"{name} = {old.format(name)}excluded.{name}" for name in others)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) "  # noqa: S608 - names of our columns
        f"VALUES {', '.join(_places(len(names), size, dialect))} "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )


def _places(columns: int, size: int, dialect: str) -> Iterable[str]:
    numbers = itertools.count(1)
    for _ in range(size):
        places = ("?" if dialect == "sqlite" else f"${next(numbers)}" for _ in range(columns))
        yield f"({', '.join(places)})"
