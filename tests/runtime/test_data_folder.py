"""The data folder is its owner's alone."""

import os
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service_runtime.data_folder import DataFolderError, prepare_data_folder


def modes(folder: Path) -> dict[str, int]:
    """Return the mode of everything in *folder*, and of itself."""
    paths = [folder, *folder.rglob("*")]
    return {str(each.relative_to(folder)): stat.S_IMODE(each.lstat().st_mode) for each in paths}


def test_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the mask of the process is."""
    prepare_data_folder(tmp_path / "new")

    assert modes(tmp_path / "new") == {".": 0o700}


def test_others_lose_the_access_that_they_had(tmp_path: Path) -> None:
    """To the folder and all in it; what the owner may do stays, and the log says it once."""
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    (folder / "journal").mkdir(parents=True)
    elsewhere.touch(mode=0o644)
    for name, mode in (("opens.db", 0o644), ("token_keys", 0o600), ("journal/1", 0o666)):
        (folder / name).touch()
        (folder / name).chmod(mode)
    os.mkfifo(folder / "pipe")
    (folder / "pipe").chmod(0o622)
    (folder / "journal").chmod(0o755)
    folder.chmod(0o755)
    (folder / "link").symlink_to(elsewhere)
    with capture_logs() as logs:
        prepare_data_folder(folder)
        prepare_data_folder(folder)

    link = modes(folder)["link"]
    assert modes(folder) == {
        ".": 0o700,
        "opens.db": 0o600,
        "token_keys": 0o600,
        "journal": 0o700,
        "journal/1": 0o600,
        "pipe": 0o600,
        "link": link,
    }
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644
    assert [(each["event"], each["taken"]) for each in logs] == [
        ("others had access to the data folder", 5)
    ]


def test_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    """In one line, with its path."""
    (tmp_path / "file").touch()

    with pytest.raises(DataFolderError, match=f"data folder {tmp_path / 'file'}: File exists"):
        prepare_data_folder(tmp_path / "file")
