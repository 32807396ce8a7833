"""Rewriting a message: octets in, octets out.  Read this first.

The message is walked, not parsed: the header block, then the parts up to the one in
HTML that mail clients show (`mime`).  That part is decoded once (`transfer_encoding`,
`charset`), only to decide where the pixel goes (`plan`, `html`); the change is then
made in the encoded form.  Everything outside the change is a slice of the input.

Whatever is in the message, something that can be sent comes back, with the
reason when it is not tracked.
"""

import functools
from typing import NamedTuple

from injector_service.rewriting.budget import Budget, TooComplexError
from injector_service.rewriting.charset import Text
from injector_service.rewriting.edit import (
    EMPTY,
    Edit,
    Splice,
    makes_long_line,
    merged,
    splits_line_end,
)
from injector_service.rewriting.field_removal import remove_fields
from injector_service.rewriting.mime import Header, HtmlPart, read_message_header
from injector_service.rewriting.outcome import Outcome, RewriteWarning
from injector_service.rewriting.pixel import (
    MAX_UNBROKEN_URL_CHARACTERS,
    MAX_URL_CHARACTERS,
    MadePixel,
    Pixel,
)
from injector_service.rewriting.reading import Ground, read_ground
from injector_service.rewriting.recipients import refusal_for_recipients
from injector_service.rewriting.rewritten import Instructions, MakePixel, Rewritten
from injector_service.rewriting.slot import Slot, find_slot
from injector_service.rewriting.transfer_encoding import Body


class _Placed(NamedTuple):
    """What puts a pixel into a message, as edits of it."""

    changes: list[Edit]
    pixel: Pixel
    warnings: tuple[RewriteWarning, ...]
    is_usual: bool


class _CallerError(Exception):
    """An exception of a function that the caller gave; it is theirs to handle."""


def rewrite_message(
    raw: bytes,
    instructions: Instructions,
    *,
    header: Header | None = None,
    budget: Budget | None = None,
) -> Rewritten:
    """Put a pixel into the HTML part of *raw*, if it can be done exactly.

    Args:
        raw: The message (RFC 5322), in any line ends.
        instructions: What to put in and to take out.
        header: The message's header if it has been read already.
        budget: What it may cost at most; that of a message of its size if None.  A message
            that costs more is too complex.

    Raises:
        Whatever *make_pixel* and *is_own_token* raise, and nothing else.
    """
    copies = MessageCopies(raw, instructions, header=header, budget=budget)
    return copies.last(instructions.make_pixel).in_one(raw)


class MessageCopies:
    """A message that is read once, of which copies are made that differ in their pixel alone.

    Each is what `rewrite_message` makes of the message with the same pixel, its splice
    apart from the removal of header fields.
    """

    __slots__ = ("_failure", "_rewriter")

    def __init__(
        self,
        raw: bytes,
        instructions: Instructions,
        *,
        header: Header | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Read the message; the arguments are those of `rewrite_message`.

        Raises:
            Whatever *is_own_token* raises, and nothing else.
        """
        self._failure: Rewritten | None = None
        try:
            header = header or read_message_header(raw)
            self._rewriter = _Rewriter(raw, instructions, header, budget or Budget(len(raw)))
        except Exception as error:  # noqa: BLE001 - mail must flow, whatever is in it
            self._failure = _failed(error)

    def copy(self, make_pixel: MakePixel) -> Rewritten:
        """Return what becomes of a copy with the pixel that *make_pixel* makes.

        Raises:
            Whatever *make_pixel* and *is_own_token* raise, and nothing else.
        """
        try:
            return self._failure or self._rewriter.copy(make_pixel)
        except Exception as error:  # noqa: BLE001 - mail must flow, whatever is in it
            return _failed(error)

    def last(self, make_pixel: MakePixel) -> Rewritten:
        """Do the same, and let go of what was read before the copy is put together."""
        try:
            return self._failure or self._rewriter.copy(make_pixel, is_last=True)
        except Exception as error:  # noqa: BLE001 - mail must flow, whatever is in it
            return _failed(error)


def _failed(error: Exception) -> Rewritten:
    """Return what becomes of a message after *error*; raise it if it is the caller's own."""
    if isinstance(error, _CallerError):
        raise (error.__cause__ or error) from None
    return Rewritten(outcome=Outcome.MALFORMED, failure=error)


class _Rewriter:
    """The steps of one rewriting.

    *is_second* says that the message has been rewritten already, to see whether that is
    stable: it need not be stable once more.
    """

    def __init__(
        self,
        raw: bytes,
        instructions: Instructions,
        header: Header | None,
        budget: Budget,
        *,
        is_second: bool = False,
    ) -> None:
        self._raw = raw
        self._budget = budget
        self._header = header
        self._instructions = instructions
        self._is_second = is_second
        self._removal: Splice | None = None
        self._ground: Ground | Outcome = self._read(header)

    def _read(self, header: Header | None) -> Ground | Outcome:
        if header is None:
            return Outcome.TOO_COMPLEX
        if not header.is_complete:
            return Outcome.MALFORMED
        removals = remove_fields(self._raw, header, self._instructions.fields_to_remove)
        self._removal = merged(self._raw, removals) if removals else None
        refusal = refusal_for_recipients(header, self._instructions.recipients)
        if refusal is not None:
            return refusal
        try:
            return read_ground(
                self._raw, header, self._instructions.placement, self._own_token, self._budget
            )
        except TooComplexError:
            return Outcome.TOO_COMPLEX

    def copy(self, make_pixel: MakePixel, *, is_last: bool = False) -> Rewritten:
        """Return what becomes of a copy: `MessageCopies.copy`."""
        ground = self._ground
        if isinstance(ground, Outcome):
            return self._untracked(ground)
        made = self._pixel(ground.body, make_pixel)
        if not is_last and self._slot is not None:
            splice = self._slot.filled(made.pixel.markup())
            if splice is not None:
                return self._tracked(splice, made.pixel, ground.warnings + made.warnings)
        placed = self._placed(ground, made)
        if is_last:
            # From here on what the part says is no longer in memory.
            self._ground = Outcome.TRACKED
        del ground
        return self._untracked(placed) if isinstance(placed, Outcome) else self._judged(placed)

    @functools.cached_property
    def _slot(self) -> Slot | None:
        return None if isinstance(self._ground, Outcome) else find_slot(self._raw, self._ground)

    def _untracked(self, outcome: Outcome) -> Rewritten:
        return Rewritten(outcome=outcome, removal=self._removal)

    def _tracked(
        self, splice: Splice, pixel: Pixel, warnings: tuple[RewriteWarning, ...]
    ) -> Rewritten:
        return Rewritten(Outcome.TRACKED, splice, pixel, warnings, None, self._removal)

    def _placed(self, ground: Ground, made: MadePixel) -> _Placed | Outcome:
        pixel, warnings = made
        edits = ground.plan.edits(ground.text.view, pixel.markup())
        changes = _encoded(edits, ground.text, ground.body) if edits else []
        if changes is None:
            return Outcome.UNSUPPORTED_ENCODING
        part = ground.part
        return _Placed(
            changes=_around(changes, part) if part.before or part.after else changes,
            pixel=pixel,
            warnings=ground.warnings + warnings,
            is_usual=ground.is_usual,
        )

    def _judged(self, placed: _Placed) -> Rewritten:
        splice = _spliced(self._raw, placed.changes)
        if splits_line_end(self._raw, placed.changes) or makes_long_line(self._raw, splice):
            return self._untracked(Outcome.UNSUPPORTED_ENCODING)
        rewritten = self._tracked(splice, placed.pixel, placed.warnings)
        if placed.is_usual or self._is_second:
            return rewritten
        try:
            is_stable = self._is_stable(rewritten, placed.pixel)
        except TooComplexError:
            return self._untracked(Outcome.TOO_COMPLEX)
        return rewritten if is_stable else self._untracked(Outcome.UNSUPPORTED_ENCODING)

    def _is_stable(self, rewritten: Rewritten, pixel: Pixel) -> bool:
        """Say whether rewriting the result would change nothing.

        Where something is taken out, or the charset is not ASCII, what remains can
        read as something else: as a header field, as the marker of a signature, as
        another charset.  Such messages are rare, so each is rewritten a second time.
        """
        token = Pixel.token_of(pixel.url)
        result = rewritten.message(self._raw)
        instructions = self._instructions._replace(
            is_own_token=lambda found: found == token or self._own_token(found),
        )
        # What is left after the reading, for each copy.
        budget = self._budget.rest()
        header = read_message_header(result)
        again = _Rewriter(result, instructions, header, budget, is_second=True).copy(
            lambda _header, _most: MadePixel(pixel), is_last=True
        )
        if again.outcome is Outcome.TOO_COMPLEX:
            # With a larger budget it may be stable.
            raise TooComplexError
        return again.outcome is Outcome.TRACKED and again.message(result) == result

    def _own_token(self, token: str) -> bool:
        try:
            return self._instructions.is_own_token(token)
        except Exception as error:
            raise _CallerError from error

    def _pixel(self, body: Body, make_pixel: MakePixel) -> MadePixel:
        most = MAX_URL_CHARACTERS if body.breaks_lines else MAX_UNBROKEN_URL_CHARACTERS
        if self._header is None:
            raise AssertionError("a message without a header has no place")
        try:
            return make_pixel(self._header, most)
        except Exception as error:
            raise _CallerError from error


def _encoded(edits: list[Edit], text: Text, body: Body) -> list[Edit] | None:
    """Carry edits of the markup view over to the octets, and those to the encoded body."""
    octet_edits = text.octet_edits(edits)
    return None if octet_edits is None else body.encoded_edits(octet_edits)


def _around(changes: list[Edit], part: HtmlPart) -> list[Edit]:
    """Return *changes* with what an empty body lacks around it."""
    return [edit._replace(insert=part.before + edit.insert + part.after) for edit in changes]


def _spliced(raw: bytes, changes: list[Edit]) -> Splice:
    if not changes:
        return EMPTY
    if len(changes) == 1:
        return merged(raw, changes)
    return merged(raw, sorted(changes, key=lambda edit: edit.start))
