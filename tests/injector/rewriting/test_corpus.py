"""Real messages, and what an independent judge says about each after rewriting.

The folder comes from ``MAIL_CORPUS``.  A developer without one gets the golden
messages and the examples judged in the same way; in CI there must be one.
"""

import collections
import dataclasses
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from injector_service.rewriting.edit import Splice
from injector_service.rewriting.outcome import Outcome
from injector_service.rewriting.pixel import MadePixel
from injector_service.rewriting.rewrite import rewrite_message
from injector_service.rewriting.rewritten import Instructions, Rewritten
from tests.mail.golden_messages import MESSAGES, PIXEL, is_own_token
from tests.mail.judge import READERS, Position, html_bodies, position, texts
from tests.mail.line_ends import stray_line_end

ROOT: Final = Path(__file__).parents[3]
MARKUP: Final = PIXEL.markup().decode("ascii")

# The share of tracked messages whose pixel must be an element of the document.
LEAST_SHARE: Final = 0.999


# Two HTML parsers read every message before the first test; 20 s on an idle machine.
pytestmark = pytest.mark.timeout(300)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge says about one message; *faults* names what is not as promised."""

    name: str
    outcome: str
    position: Position | None = None
    faults: frozenset[str] = frozenset()


def corpus() -> dict[str, Path]:
    folder = os.environ.get("MAIL_CORPUS")
    if folder:
        root = Path(folder)
        return {str(path.relative_to(root)): path for path in sorted(root.glob("*/*"))}
    assert "CI" not in os.environ, "CI judges real messages: set MAIL_CORPUS to a folder of them"
    # In these more than the pixel changes, which is what they are for.
    changing = re.compile(
        r".*\.golden\.eml|own-pixel-.*|.*placeholder-.*|lines-around-placeholder\.eml"
    )
    own = [*MESSAGES.glob("*.eml"), *(ROOT / "examples").glob("*.eml")]
    return {path.name: path for path in sorted(own) if not changing.fullmatch(path.name)}


def exceptions(kind: str) -> set[str]:
    """The names of messages that may have a fault of this *kind*, each with its reason there."""
    listed = tomllib.loads((ROOT / "tests/testdata/corpus_exceptions.toml").read_text("utf-8"))
    return set(listed.get(kind, {}))


def judged(name: str, raw: bytes) -> Verdict:
    rewritten = rewrite_message(
        raw,
        Instructions(
            recipients=["ben@example.org"],
            make_pixel=lambda _header, _most: MadePixel(PIXEL),
            is_own_token=is_own_token,
        ),
    )
    out = rewritten.message(raw)
    faults = set(_faults_of_any(rewritten, raw, out))
    where = None
    if rewritten.splice is not None:
        where = best_position(out)
        faults |= set(_faults_of_tracked(rewritten.splice, where, raw, out))
    return Verdict(
        name=name, outcome=rewritten.outcome.value, position=where, faults=frozenset(faults)
    )


def _faults_of_any(rewritten: Rewritten, raw: bytes, out: bytes) -> Iterator[str]:
    if rewritten.failure is not None:
        yield "failure"
    if (rewritten.outcome is Outcome.TRACKED) == (out is raw):
        yield "outcome"
    if stray_line_end(raw, out) is not None:
        yield "line end"


def _faults_of_tracked(splice: Splice, where: Position, raw: bytes, out: bytes) -> Iterator[str]:
    if where in {Position.ABSENT, Position.SEVERAL}:
        yield "pixel"
    if not is_inside(splice, raw):
        yield "outside"
    before = [squeezed(text) for text in texts(raw)]
    if not any(squeezed(text.replace(MARKUP, "", 1)) in before for text in texts(out)):
        yield "text"


def best_position(out: bytes) -> Position:
    """Where all HTML parsers see the pixel, in the reading of the message that shows it best."""
    distinct = dict.fromkeys(texts(out))
    readings = [{position(text, PIXEL.url, reader) for reader in READERS} for text in distinct]
    agreed = [reading.pop() for reading in readings if len(reading) == 1]
    seen = [where for where in agreed if where is not Position.ABSENT]
    return seen[0] if seen else Position.ABSENT


def is_inside(splice: Splice, raw: bytes) -> bool:
    """Whether *splice* changes nothing but what the judge takes for the HTML part's body."""
    end = splice.offset + splice.delete_count
    for body in html_bodies(raw):
        start = raw.find(body, max(0, end - len(body)))
        if 0 <= start <= splice.offset:
            return True
    return False


def squeezed(text: str) -> str:
    """Return *text* without line breaks: one may stand beside the pixel, as the contract says."""
    return text.replace("\n", "")


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    return [judged(name, path.read_bytes()) for name, path in corpus().items()]


def named(verdicts: list[Verdict], fault: str) -> set[str]:
    return {verdict.name for verdict in verdicts if fault in verdict.faults}


def test_no_real_message_fails_and_all_are_judged(
    verdicts: list[Verdict], record_table: dict[str, list[str]]
) -> None:
    """Nothing fails inside for any message, and what is not tracked comes back as it was."""
    record_table["rewriting of real messages"] = list(table(verdicts))

    assert verdicts
    assert named(verdicts, "failure") == set()
    assert named(verdicts, "outcome") == set()


def test_no_line_end_is_left_alone_in_real_messages(verdicts: list[Verdict]) -> None:
    """No CR or LF stands alone in the output that did not in the message."""
    assert named(verdicts, "line end") == set()


def test_octets_outside_the_html_part_stay_in_real_messages(verdicts: list[Verdict]) -> None:
    """The change lies inside what another program takes for the HTML part's body."""
    assert named(verdicts, "outside") - exceptions("outside") == set()


def test_html_of_real_messages_stays(verdicts: list[Verdict]) -> None:
    """Decoded by another program, the HTML without the pixel is the original."""
    assert named(verdicts, "text") - exceptions("text") == set()


def test_pixel_is_an_element_of_real_messages(verdicts: list[Verdict]) -> None:
    """Two HTML parsers make an image of the pixel in 99.9 % of messages; the others are listed."""
    tracked = [verdict for verdict in verdicts if verdict.position is not None]
    missing = named(verdicts, "pixel")

    assert missing - exceptions("pixel") == set()
    assert len(missing) <= (1 - LEAST_SHARE) * len(tracked)


def table(verdicts: list[Verdict]) -> Iterator[str]:
    total = len(verdicts)
    outcomes = collections.Counter(verdict.outcome for verdict in verdicts)
    for outcome, count in outcomes.most_common():
        yield f"{outcome:24} {count:6} {count / total:8.2%}"
    positions = collections.Counter(v.position for v in verdicts if v.position is not None)
    for where, count in positions.most_common():
        yield f"  pixel {where.value:16} {count:6} {count / max(1, positions.total()):8.2%}"
    for fault in ("failure", "outcome", "line end", "outside", "text", "pixel"):
        yield f"  fault {fault:16} {len(named(verdicts, fault)):6}"
    yield f"{'messages':24} {total:6}"
