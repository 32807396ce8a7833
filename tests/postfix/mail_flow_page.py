"""The configurations that docs/mail-flow.md shows: what the tests run is what is written there."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "mail-flow.md"

_FENCE: Final = "```"


def shown_below(*headings: str) -> Mapping[str, str]:
    """Return the blocks right below these headings by the files that their first lines name.

    What several headings show of a file is put together, in the headings' order.
    """
    found: dict[str, str] = defaultdict(str)
    blocks = list(_blocks())
    for heading in headings:
        mine = [(file, text) for above, file, text in blocks if above == heading]
        assert mine, f"{PAGE.name} shows nothing below {heading!r}"
        for file, text in mine:
            found[file] += text
    return found


def _blocks() -> Iterator[tuple[str, str, str]]:
    """Yield the heading, the file and the text of each block."""
    heading = ""
    block: list[str] | None = None
    for line in PAGE.read_text("utf-8").splitlines(keepends=True):
        if line.startswith(_FENCE) and block is None:
            block = []
        elif line.startswith(_FENCE) and block is not None:
            if block and block[0].startswith("# "):
                yield heading, block[0][2:].strip(), "".join(block[1:])
            block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
