"""The messages that mutants are made of: those of the tests, the example, and real ones."""

import dataclasses
import os
from pathlib import Path
from typing import Final

from injector_service.rewriting import Outcome
from injector_service.rewriting.budget import Budget
from injector_service.rewriting.mime import find_html_part, read_message_header
from injector_service.rewriting.transfer_encoding import read_body

ROOT: Final = Path(__file__).parents[2]

# Larger ones cost time and reach no other code.
MAX_SEED_OCTETS: Final = 60_000

# HTML of more than this is cut: most of the mutants should be small.
MAX_HTML_OCTETS: Final = 8_000

# What every run has, also where there is no corpus.
_SHIPPED: Final = ("tests/testdata/messages", "tests/testdata/fuzz", "examples")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """Whole messages, and the decoded HTML of those that have some."""

    messages: tuple[bytes, ...]
    pages: tuple[bytes, ...]


def load_seeds() -> Seeds:
    """Read all seeds, in an order that is the same on every machine."""
    folders = [ROOT / name for name in _SHIPPED]
    corpus = os.environ.get("MAIL_CORPUS")
    files = sorted(file for folder in folders for file in folder.rglob("*.eml"))
    if corpus:
        files += sorted(file for file in Path(corpus).rglob("*") if file.suffix != ".md")
    messages = tuple(
        file.read_bytes()
        for file in files
        if file.is_file() and 0 < file.stat().st_size <= MAX_SEED_OCTETS
    )
    pages = dict.fromkeys(page for message in messages if (page := _page(message)))
    return Seeds(messages=messages, pages=tuple(pages))


def _page(message: bytes) -> bytes:
    """Return the start of the HTML in *message*, or nothing."""
    header = read_message_header(message)
    if header is None:
        return b""
    part = find_html_part(message, header, Budget(len(message)))
    if isinstance(part, Outcome):
        return b""
    body = read_body(message[part.start : part.end], part.transfer_encoding, line_end=part.line_end)
    return b"" if isinstance(body, Outcome) else body.octets[-MAX_HTML_OCTETS:]
