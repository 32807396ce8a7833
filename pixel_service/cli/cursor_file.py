"""Where a client that reads opens stopped, kept in a file."""

from pathlib import Path
from typing import Final

import click

cursor_file_option: Final = click.option(
    "--cursor-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Start at the cursor in this file if it is there, and keep it up to date.",
)


class CursorFile:
    """The cursor after what was processed; without a *path* it is kept nowhere."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.cursor = ""
        """The last that was kept; empty before the first."""

    def read(self) -> str:
        """Return the cursor; empty if none was kept.

        Raises:
            ClickException: the file cannot be read, or is something else.
        """
        if self.path is None:
            return ""
        if not self.path.parent.is_dir():
            raise click.ClickException(f"{self.path} cannot be kept: there is no such folder")
        if not self.path.exists():
            return ""
        try:
            return self.path.read_text(encoding="ascii").strip()
        except OSError as error:
            raise click.ClickException(f"{self.path}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise click.ClickException(f"{self.path} does not hold a cursor") from None

    def keep(self, cursor: str) -> None:
        """Keep *cursor*, unless it is kept already.

        Raises:
            ClickException: the file cannot be written.
        """
        is_new, self.cursor = cursor != self.cursor, cursor
        if self.path is None or not is_new:
            return
        # Replaced whole, so that a crash leaves the old cursor or the new one.
        temporary = self.path.with_name(f".{self.path.name}.new")
        try:
            temporary.write_text(f"{cursor}\n", encoding="ascii")
            temporary.replace(self.path)
        except OSError as error:
            raise click.ClickException(f"{self.path}: {error.strerror}") from error
