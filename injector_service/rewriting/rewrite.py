"""Rewriting a message: octets in, octets out.  Read this first.

The message is walked, not parsed: the header block, then the parts up to the one in
HTML that mail clients show (`mime`).  That part is decoded once (`transfer_encoding`,
`charset`), only to decide where the pixel goes (`plan`, `html`); the change is then
made in the encoded form.  Everything outside the change is a slice of the input.

Whatever is in the message, something that can be sent comes back, with the
reason when it is not tracked.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from injector_service.rewriting.budget import Budget, TooComplexError
from injector_service.rewriting.charset import AsciiText, Text, read_text
from injector_service.rewriting.edit import Edit, Splice, makes_long_line, merged, splits_line_end
from injector_service.rewriting.field_removal import remove_fields
from injector_service.rewriting.html import inline_protection
from injector_service.rewriting.mime import Header, HtmlPart, find_html_part, read_message_header
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning
from injector_service.rewriting.pixel import (
    MAX_UNBROKEN_URL_CHARACTERS,
    MAX_URL_CHARACTERS,
    MadePixel,
    Pixel,
)
from injector_service.rewriting.plan import plan_edits
from injector_service.rewriting.recipients import refusal_for_recipients
from injector_service.rewriting.transfer_encoding import Body, read_body

MakePixel: TypeAlias = Callable[[Header, int], MadePixel]

# Gmail cuts a message off after this much HTML and does not load what was cut.
LARGE_HTML_OCTETS: Final = 102 * 1024


class Instructions(NamedTuple):
    """How a message is to be rewritten."""

    make_pixel: MakePixel
    """Makes the pixel, given the message's header and the most characters that its URL
    may have.  Called at most once, and only when there is a place for it."""

    is_own_token: Callable[[str], bool]
    """Says whether a pixel token is one of ours.  Such pixels, from an earlier run or
    quoted in a reply, are taken out."""

    recipients: Sequence[str] = ()
    """The envelope's recipients; when empty, those of the header count."""

    placement: Placement = Placement.END
    """Where the pixel goes unless the HTML holds a placeholder."""

    fields_to_remove: Sequence[str] = ()
    """Names of header fields to take out, tracked or not."""


class Rewritten(NamedTuple):
    """What became of one message.

    *pixel* is set if and only if *outcome* is ``TRACKED``; so is *splice*,
    except that fields asked to be removed are removed from an untracked
    message too.  *failure* is an unexpected error, after which the message was
    left alone.
    """

    outcome: Outcome
    splice: Splice | None = None
    pixel: Pixel | None = None
    warnings: tuple[RewriteWarning, ...] = ()
    failure: Exception | None = None

    def message(self, raw: bytes) -> bytes:
        """Return the message to send, given the *raw* one: the same object if nothing changes."""
        return raw if self.splice is None else self.splice.apply(raw)


class _Placed(NamedTuple):
    """What puts a pixel into a message, as edits of it."""

    changes: list[Edit]
    pixel: Pixel
    warnings: tuple[RewriteWarning, ...]
    is_usual: bool
    """Whether it is sure that a second rewriting would change nothing."""


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
    try:
        rewriter = _Rewriter(raw, instructions, budget or Budget(len(raw)))
        return rewriter.run(header or read_message_header(raw))
    except _CallerError as error:
        if error.__cause__ is not None:
            raise error.__cause__ from None
        raise
    except Exception as error:  # noqa: BLE001 - mail must flow, whatever is in it
        return Rewritten(outcome=Outcome.MALFORMED, failure=error)


class _Rewriter:
    """The steps of one rewriting.

    *is_second* says that the message has been rewritten already, to see whether that is
    stable: it need not be stable once more.
    """

    __slots__ = ("_budget", "_instructions", "_is_second", "_raw")

    def __init__(
        self, raw: bytes, instructions: Instructions, budget: Budget, *, is_second: bool = False
    ) -> None:
        self._raw = raw
        self._budget = budget
        self._instructions = instructions
        self._is_second = is_second

    def run(self, header: Header | None) -> Rewritten:
        if header is None:
            return Rewritten(outcome=Outcome.TOO_COMPLEX)
        if not header.is_complete:
            return Rewritten(outcome=Outcome.MALFORMED)
        removals = remove_fields(self._raw, header, self._instructions.fields_to_remove)
        try:
            rewritten = self._track(header, removals)
        except TooComplexError:
            rewritten = Rewritten(outcome=Outcome.TOO_COMPLEX)
        if removals and rewritten.outcome is not Outcome.TRACKED:
            return rewritten._replace(splice=_spliced(self._raw, removals))
        return rewritten

    def _track(self, header: Header, removals: list[Edit]) -> Rewritten:
        refusal = refusal_for_recipients(header, self._instructions.recipients)
        if refusal is not None:
            return Rewritten(outcome=refusal)
        part = find_html_part(self._raw, header, self._budget)
        if isinstance(part, Outcome):
            return Rewritten(outcome=part)
        placed = self._place(header, part)
        if isinstance(placed, Outcome):
            return Rewritten(outcome=placed)
        # From here on what the part says is no longer in memory.
        splice = _spliced(self._raw, placed.changes)
        if splits_line_end(self._raw, placed.changes) or makes_long_line(self._raw, splice):
            return Rewritten(outcome=Outcome.UNSUPPORTED_ENCODING)
        if removals:
            splice = _spliced(self._raw, removals + placed.changes)
        rewritten = Rewritten(
            outcome=Outcome.TRACKED, splice=splice, pixel=placed.pixel, warnings=placed.warnings
        )
        if placed.is_usual or self._is_second or self._is_stable(rewritten, placed.pixel):
            return rewritten
        return Rewritten(outcome=Outcome.UNSUPPORTED_ENCODING)

    def _place(self, header: Header, part: HtmlPart) -> "_Placed | Outcome":
        raw = self._raw
        self._budget.allow_text(part.end - part.start)
        body = read_body(
            raw, part.transfer_encoding, line_end=part.line_end, start=part.start, end=part.end
        )
        if isinstance(body, Outcome):
            return body
        text = _unprotected_text(body, part, self._budget)
        if isinstance(text, Outcome):
            return text
        is_limited = text.is_ascii_compatible and not body.breaks_lines
        plan = plan_edits(
            text.view,
            self._instructions.placement,
            self._own_token,
            self._budget,
            line_end=part.line_end if is_limited else None,
        )
        if isinstance(plan, Outcome):
            return plan
        pixel, warnings = self._pixel(header, body)
        edits = plan.edits(text.view, pixel.markup())
        changes = _encoded(edits, text, body) if edits else []
        if changes is None:
            return Outcome.UNSUPPORTED_ENCODING
        is_usual = isinstance(text, AsciiText) and b"\0" not in text.view
        return _Placed(
            changes=_around(changes, part) if part.before or part.after else changes,
            pixel=pixel,
            warnings=plan.warnings + _warnings(header, text.view) + warnings,
            is_usual=is_usual and not (plan.removes or part.before),
        )

    def _is_stable(self, rewritten: Rewritten, pixel: Pixel) -> bool:
        """Say whether rewriting the result would change nothing.

        Where something is taken out, or the charset is not ASCII, what remains can
        read as something else: as a header field, as the marker of a signature, as
        another charset.  Such messages are rare, so each is rewritten a second time.
        """
        token = Pixel.token_of(pixel.url)
        result = rewritten.message(self._raw)
        instructions = self._instructions._replace(
            make_pixel=lambda _header, _most: MadePixel(pixel),
            is_own_token=lambda found: found == token or self._own_token(found),
        )
        again = _Rewriter(result, instructions, self._budget, is_second=True).run(
            read_message_header(result)
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

    def _pixel(self, header: Header, body: Body) -> MadePixel:
        most = MAX_URL_CHARACTERS if body.breaks_lines else MAX_UNBROKEN_URL_CHARACTERS
        try:
            return self._instructions.make_pixel(header, most)
        except Exception as error:
            raise _CallerError from error


def _unprotected_text(body: Body, part: HtmlPart, budget: Budget) -> Text | Outcome:
    text = read_text(body.octets, part.charset, budget)
    return text if isinstance(text, Outcome) else inline_protection(text.view) or text


def _encoded(edits: list[Edit], text: Text, body: Body) -> list[Edit] | None:
    """Carry edits of the markup view over to the octets, and those to the encoded body."""
    octet_edits = text.octet_edits(edits)
    return None if octet_edits is None else body.encoded_edits(octet_edits)


def _around(changes: list[Edit], part: HtmlPart) -> list[Edit]:
    """Return *changes* with what an empty body lacks around it."""
    return [edit._replace(insert=part.before + edit.insert + part.after) for edit in changes]


def _warnings(header: Header, html: bytes) -> tuple[RewriteWarning, ...]:
    warnings: tuple[RewriteWarning, ...] = ()
    if len(html) > LARGE_HTML_OCTETS:
        warnings += (RewriteWarning.LARGE_HTML,)
    if header.find(b"dkim-signature") is not None:
        warnings += (RewriteWarning.ALREADY_DKIM_SIGNED,)
    return warnings


def _spliced(raw: bytes, changes: list[Edit]) -> Splice:
    if not changes:
        return Splice(offset=0, delete_count=0, insert=b"")
    if len(changes) == 1:
        return merged(raw, changes)
    return merged(raw, sorted(changes, key=lambda edit: edit.start))
