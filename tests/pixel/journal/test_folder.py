"""The folder of journals: what is left behind goes, and what is being made stays."""

import os
import time
from pathlib import Path

import pytest

from pixel_service.journal import Journals, JournalsBusy


def test_one_process_records_the_journals_of_a_folder(tmp_path: Path) -> None:
    """A second one is refused, until the first has ended."""
    journals = Journals(tmp_path / "journal")
    with (
        journals.recording(),
        pytest.raises(JournalsBusy, match="another process records"),
        journals.recording(),
    ):
        raise AssertionError("both record")
    with journals.recording():
        pass


def test_journal_that_was_never_finished_goes_and_one_that_is_being_made_stays(
    tmp_path: Path,
) -> None:
    """Whoever begins to record removes what died, under nobody's hands."""
    journals = Journals(tmp_path)
    left, begun = tmp_path / "making-1", tmp_path / "making-2"
    left.mkdir()
    begun.mkdir()
    long_ago = time.time() - 3_600
    os.utime(left, (long_ago, long_ago))
    with journals.new_journal() as (folder, _), journals.recording():
        assert folder.exists()

    assert not left.exists()
    # Not even its lock was touched.
    assert list(begun.iterdir()) == []
