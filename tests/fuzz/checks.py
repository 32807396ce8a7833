"""What must be true of every rewriting, whatever the message is."""

import dataclasses
import random
from collections.abc import Sequence
from typing import Final

from injector_service.rewriting import (
    Instructions,
    MadePixel,
    MessageCopies,
    Outcome,
    Pixel,
    Placement,
    RewriteWarning,
    Rewritten,
    Splice,
    rewrite_message,
)
from injector_service.rewriting.mime import Header
from tests.fuzz.html_check import missing_image
from tests.fuzz.text_check import changed_text, html_of
from tests.fuzz.words import OWN_TOKEN
from tests.mail.line_ends import stray_line_end

# RFC 5322 section 2.1.1, without the line end.
MAX_LINE_OCTETS: Final = 998

_ONE_RECIPIENT: Final = ("bob@example.net",)
_BASES: Final = (
    "https://open.example.org",
    "https://open.example.org",
    "https://t.example/a/b?c=1&d=2",
    "https://open.example.org/" + "a" * 600,
    # The longest that a pixel may have; no line can hold it.
    "https://open.example.org/" + "a" * 1_800,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a message is rewritten."""

    recipients: Sequence[str] = _ONE_RECIPIENT
    placement: Placement = Placement.END
    fields_to_remove: Sequence[str] = ()
    pixel: Pixel = dataclasses.field(
        default_factory=lambda: Pixel(url=f"{_BASES[0]}/o/{OWN_TOKEN}.gif")
    )

    def rewrite(self, raw: bytes) -> Rewritten:
        """Rewrite *raw* with these options."""
        return rewrite_message(raw, self._instructions())

    def copy(self, raw: bytes) -> Rewritten:
        """Rewrite *raw* as a copy for one of several recipients."""
        copies = MessageCopies(raw, self._instructions())
        return copies.copy(self._make_pixel).in_one(raw)

    def _instructions(self) -> Instructions:
        return Instructions(
            recipients=self.recipients,
            placement=self.placement,
            fields_to_remove=self.fields_to_remove,
            make_pixel=self._make_pixel,
            is_own_token=lambda token: token == OWN_TOKEN,
        )

    def _make_pixel(self, header: Header, _max_url_characters: int) -> MadePixel:
        # What the service does with the header must not fail either.
        for name in ("From", "Subject", "Message-ID"):
            header.get(name)
        header.get_all("To")
        return MadePixel(self.pixel)


def some_options(rng: random.Random) -> Options:
    """Return options, mostly the usual ones."""
    return Options(
        recipients=_ONE_RECIPIENT if rng.random() < 0.9 else (),
        placement=Placement.START if rng.random() < 0.15 else Placement.END,
        fields_to_remove=("X-Configuration-Id",) if rng.random() < 0.3 else (),
        pixel=Pixel(url=f"{rng.choice(_BASES)}/o/{OWN_TOKEN}.gif"),
    )


def broken_promise(raw: bytes, options: Options, rewritten: Rewritten) -> str | None:
    """Return which promise *rewritten*, made of *raw*, breaks; None if it keeps all."""
    if rewritten.failure is not None:
        return f"unexpected error {rewritten.failure!r}"
    is_tracked = rewritten.outcome is Outcome.TRACKED
    if is_tracked != (rewritten.pixel is not None) or (is_tracked and rewritten.splice is None):
        return "outcome, pixel and splice do not agree"
    out = rewritten.message(raw)
    splice = rewritten.splice
    if splice is None:
        return None if out is raw else "untracked message is not the same object"
    return (
        _broken_splice(raw, out, splice)
        or (
            "untracked message is changed" if not (is_tracked or options.fields_to_remove) else None
        )
        or _broken_form(raw, out, splice)
        or (_broken_text(raw, out, options) if is_tracked else None)
        or stray_line_end(raw, out)
        or _broken_repetition(out, options, rewritten)
        or ("a copy differs" if options.copy(raw) != rewritten else None)
    )


def _broken_splice(raw: bytes, out: bytes, splice: Splice) -> str | None:
    end = splice.offset + splice.delete_count
    if not 0 <= splice.offset <= end <= len(raw):
        return "splice is outside the message"
    if out != raw[: splice.offset] + splice.insert + raw[end:]:
        return "splice and message differ"
    return None


def misplacement(raw: bytes, options: Options, rewritten: Rewritten) -> str | None:
    """Return what is wrong with the pixel's place in the HTML, as a browser's parser sees it."""
    if rewritten.outcome is not Outcome.TRACKED:
        return None
    html = html_of(rewritten.message(raw))
    if html is None:
        return None
    may_not_load = RewriteWarning.PIXEL_MAY_NOT_LOAD in rewritten.warnings
    return missing_image(html, options.pixel.url, may_not_load=may_not_load)


def _broken_text(raw: bytes, out: bytes, options: Options) -> str | None:
    # Where fields are removed as well, the part begins somewhere else.
    return None if options.fields_to_remove else changed_text(raw, out, options.pixel.markup())


def _broken_repetition(out: bytes, options: Options, rewritten: Rewritten) -> str | None:
    again = options.rewrite(out)
    was_tracked = rewritten.outcome is Outcome.TRACKED
    if was_tracked != (again.outcome is Outcome.TRACKED):
        return f"second time {rewritten.outcome.name} becomes {again.outcome.name}"
    return None if again.message(out) == out else "twice is not once"


def _broken_form(raw: bytes, out: bytes, splice: Splice) -> str | None:
    if raw.isascii() and not out.isascii():
        return "seven bits became eight"
    if b"\x00" in raw:
        # Lines of binary mail are no lines.
        return None
    before = _longest_line(raw, splice.offset, splice.offset + splice.delete_count)
    after = _longest_line(out, splice.offset, splice.offset + len(splice.insert))
    return "a line became too long" if before <= MAX_LINE_OCTETS < after else None


def _longest_line(raw: bytes, start: int, end: int) -> int:
    """Return the length of the longest of the lines that hold ``raw[start:end]``."""
    line_end = raw.find(b"\n", end)
    lines = raw[raw.rfind(b"\n", 0, start) + 1 : line_end if line_end >= 0 else len(raw)]
    return max(len(line.rstrip(b"\r")) for line in lines.split(b"\n"))
