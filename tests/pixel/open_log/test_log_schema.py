"""The log's tables are those of the migrations, and other versions are refused."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pixel_service.errors import LogSchemaOld, LogUrlInvalid
from pixel_service.notification import number_open
from pixel_service.open_log import connect
from pixel_service.open_log.sql import schema, tables
from pixel_service.statistics import COUNTING_RULES


def test_the_newest_version_is_the_newest_step() -> None:
    """The version that programs expect is that of the last file under migrations."""
    assert schema.newest_step() == schema.NEWEST


def test_the_tables_are_what_the_migrations_make() -> None:
    """The statements are built from the same tables that are in the database."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        schema.migrate(connection)
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE}
        )

        assert compare_metadata(context, tables.metadata) == []


async def test_a_log_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """A program does not touch tables that it does not know."""
    url = f"sqlite:///{tmp_path}/opens.db"
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES):
        pass
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE open_log_version SET version_num = '9999'")
    engine.dispose()

    with pytest.raises(LogSchemaOld, match="use a newer program"):
        async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES):
            raise AssertionError("connected")


@pytest.mark.parametrize(
    "url", ["", "opens.db", "mysql://root:secret@host/db", "sqlite://", "sqlite:///:memory:"]
)
async def test_a_url_without_a_log_is_refused_without_its_secrets(url: str) -> None:
    """The error says what is wrong, and never repeats a password."""
    with pytest.raises(LogUrlInvalid) as caught:
        async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES):
            raise AssertionError("connected")
    assert "secret" not in str(caught.value)
