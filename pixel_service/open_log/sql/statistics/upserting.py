"""Writes many rows with few statements."""

import functools
import itertools
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

# Rows of one statement on SQLite, whose driver lets go of Python's lock for each: see
# `sqlite.rows`.  A few sizes keep its statement cache warm, and thirteen columns of the largest
# are far from its limit of 32,766 parameters.
_SIZES: Final = (64, 8, 1)


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Sequence[object]],
    *,
    is_added: bool,
) -> None:
    """Write *rows*, each once; what is there is replaced, or added to."""
    if connection.dialect.name != "sqlite":
        if rows:
            columns = tuple([*column] for column in zip(*rows, strict=True))
            connection.exec_driver_sql(_of_arrays(table, is_added=is_added), columns)
        return
    start = 0
    for size in _SIZES:
        statement = _of_places(table, size, is_added=is_added)
        while len(rows) - start >= size:
            group = rows[start : start + size]
            connection.exec_driver_sql(statement, tuple(itertools.chain.from_iterable(group)))
            start += size


@functools.cache
def _of_places(table: sa.Table, size: int, *, is_added: bool) -> str:
    row = f"({', '.join('?' for _ in table.columns)})"
    return _upsert(table, f"VALUES {', '.join([row] * size)}", is_added=is_added)


@functools.cache
def _of_arrays(table: sa.Table, *, is_added: bool) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # it has none
    kinds = [column.type.compile(dialect) for column in table.columns]
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(kinds, 1))
    return _upsert(table, f"SELECT * FROM unnest({arrays})", is_added=is_added)  # noqa: S608 - types of our columns


def _upsert(table: sa.Table, source: str, *, is_added: bool) -> str:
    keys = [column.name for column in table.primary_key]
    names = [column.name for column in table.columns]
    old = f"{table.name}.{{0}} + " if is_added else ""
    changes = ", ".join(
        f"{name} = {old.format(name)}excluded.{name}" for name in names if name not in keys
    )
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) {source} "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )
