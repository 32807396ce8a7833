"""The tables of a service: which version they are of, and how they become the newest."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from service_runtime.schema import Schema, SchemaTooNew

STEP = """
import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = {before!r}


def upgrade() -> None:
    op.create_table("table_{number}", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """Return a folder of two steps, with what may be in a folder's name."""
    folder = tmp_path / "a 100% odd:name, of; steps"
    folder.mkdir()
    for number, before in (("0001", None), ("0002", "0001")):
        (folder / f"{number}_step.py").write_text(STEP.format(number=number, before=before))
    return folder


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    """Connect to an empty database."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def schema(steps: Path, newest: str) -> Schema:
    return Schema(version_table="our_version", newest=newest, steps=steps)


def test_tables_become_the_newest_step_by_step(steps: Path, connection: sa.Connection) -> None:
    """An empty database gets all tables, an older one those that it lacks, the newest none."""
    first, second = schema(steps, "0001"), schema(steps, "0002")

    assert first.version_of(connection) is None
    first.upgrade(connection)
    assert first.is_newest(connection)
    assert sa.inspect(connection).get_table_names() == ["our_version", "table_0001"]
    with capture_logs() as logs:
        second.upgrade(connection)
        second.upgrade(connection)
    assert second.version_of(connection) == second.newest_step() == "0002"
    assert sa.inspect(connection).get_table_names() == ["our_version", "table_0001", "table_0002"]
    assert [(each["version_before"], each["version"]) for each in logs] == [("0001", "0002")]


def test_tables_of_a_newer_program_are_left_alone(steps: Path, connection: sa.Connection) -> None:
    """A program refuses tables that it does not know, and says both versions."""
    schema(steps, "0002").upgrade(connection)

    with pytest.raises(SchemaTooNew, match="of version 0002, newer than 0001: use a newer program"):
        schema(steps, "0001").upgrade(connection)
