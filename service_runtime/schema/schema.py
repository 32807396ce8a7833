"""The versions of a service's tables."""

import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

if TYPE_CHECKING:
    from alembic.config import Config


logger = structlog.get_logger()


class SchemaTooNew(Exception):
    """The tables are those of a newer program.  The text says so, after its name."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Tables that are brought from version to version together."""

    version_table: str
    """Where the version is.  Not Alembic's default name, so that services can share a
    database."""

    newest: str
    """The newest step.  A test holds it and the files together: reading those at each start
    would take longer than everything else a start does."""

    steps: Path
    """The folder of the steps."""

    def version_of(self, connection: sa.Connection) -> str | None:
        """Return the version of the tables; None if there are none."""
        if not sa.inspect(connection).has_table(self.version_table):
            return None
        version = connection.scalar(
            sa.select(sa.column("version_num")).select_from(sa.table(self.version_table))
        )
        return None if version is None else str(version)

    def is_newest(self, connection: sa.Connection) -> bool:
        """Say whether the tables are there, and of the newest version.

        Raises:
            SchemaTooNew: they are of a version that this program does not know.
        """
        version = self.version_of(connection)
        if version is not None and version > self.newest:
            raise SchemaTooNew(
                f"has tables of version {version}, newer than {self.newest}: use a newer program"
            )
        return version == self.newest

    def upgrade(self, connection: sa.Connection) -> None:
        """Bring the tables to the newest version, in the caller's transaction.

        Raises:
            SchemaTooNew: they are of a version that this program does not know.
        """
        if self.is_newest(connection):
            return
        version = self.version_of(connection)
        # It logs its plugins and every step; what matters of that is logged here.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        # Here, because it takes a fifth of a second, which most starts need not wait.
        from alembic import command  # noqa: PLC0415 - see above

        config = self._config()
        config.attributes["connection"] = connection
        config.attributes["version_table"] = self.version_table
        command.upgrade(config, self.newest)
        if version is not None:
            logger.info("tables brought up to date", version=self.newest, version_before=version)

    def newest_step(self) -> str | None:
        """Return the newest step that there is a file for."""
        from alembic.script import ScriptDirectory  # noqa: PLC0415 - as in `upgrade`

        return ScriptDirectory.from_config(self._config()).get_current_head()

    def _config(self) -> "Config":
        from alembic.config import Config  # noqa: PLC0415 - as in `upgrade`

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        config.set_main_option("version_locations", str(self.steps).replace("%", "%%"))
        # One folder, whatever characters are in its name but a line break.
        config.set_main_option("path_separator", "newline")
        return config
