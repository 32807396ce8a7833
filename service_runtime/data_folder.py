"""The folder of a service's own data."""

import tempfile
from pathlib import Path


class DataFolderError(Exception):
    """The folder cannot be used.  The text says which, and why."""


def prepare_data_folder(folder: Path) -> None:
    """Make *folder* if it is missing, and see that it can be written to.

    Raises:
        DataFolderError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Tried, because permissions do not tell: the file system may be read-only.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataFolderError(f"data folder {folder}: {error.strerror}") from error
