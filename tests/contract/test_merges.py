"""No merge was left half done."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]

# As `git` writes them.  In pieces, because this file is looked at, too.
_MARKERS = re.compile(rb"^(?:" + b"<" * 7 + rb"|" + b">" * 7 + rb") ", re.MULTILINE)


def test_no_file_has_a_conflict_in_it() -> None:
    """Prose has no compiler: a conflict in a document would be published."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - where git is depends on the machine
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]

    assert [path for path in files if path.is_file() and _MARKERS.search(path.read_bytes())] == []
