"""Rewriting a message: octets in, octets out.  Read this first.

The message is walked, not parsed: the header block, then the parts up to the
first one in HTML (`mime`).  That part is decoded once (`content`), only to
decide where the pixel goes (`placement`); the change is then made in the
encoded form.  Everything outside the change is a slice of the input.

Whatever is in the message, something that can be sent comes back, with the
reason when it is not tracked.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from injector_service.rewriting.charset.text import AsciiText, Text, read_text
from injector_service.rewriting.edit import Edit, Splice, makes_long_line, merged, splits_line_end
from injector_service.rewriting.html.pgp_armour import inline_protection
from injector_service.rewriting.mime.header import Header, message_start, read_header
from injector_service.rewriting.mime.html_part import HtmlPart, find_html_part
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning
from injector_service.rewriting.pixel import MAX_UNBROKEN_URL_CHARACTERS, MAX_URL_CHARACTERS, Pixel
from injector_service.rewriting.plan import plan_edits
from injector_service.rewriting.recipients import refusal_for_recipients
from injector_service.rewriting.transfer_encoding.body import Body, line_end_of, read_body

__all__ = [
    "Header",
    "Outcome",
    "Pixel",
    "Placement",
    "RewriteWarning",
    "Rewriting",
    "Splice",
    "rewrite_message",
]

MakePixel: TypeAlias = Callable[[Header, int], Pixel]

# Gmail cuts a message off behind this much HTML and does not load what was cut.
LARGE_HTML_OCTETS: Final = 102 * 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """What became of one message.

    *pixel* is set if and only if *outcome* is ``TRACKED``; so is *splice*,
    except that fields asked to be removed are removed from an untracked
    message too.  *failure* names the class of an unexpected error, after which
    the message was left alone.
    """

    outcome: Outcome
    splice: Splice | None = None
    pixel: Pixel | None = None
    warnings: tuple[RewriteWarning, ...] = ()
    failure: str | None = None

    def message(self, raw: bytes) -> bytes:
        """Return the message to send, given the *raw* one: the same object if nothing changes."""
        return raw if self.splice is None else self.splice.apply(raw)


class _CallerError(Exception):
    """An exception of a function that the caller gave; it is theirs to handle."""


def rewrite_message(
    raw: bytes,
    *,
    recipients: Sequence[str] = (),
    placement: Placement = Placement.END,
    make_pixel: MakePixel,
    is_own_token: Callable[[str], bool],
    remove_fields: Sequence[str] = (),
) -> Rewriting:
    """Put a pixel into the HTML part of *raw*, if it can be done exactly.

    Args:
        raw: The message (RFC 5322), in any line ends.
        recipients: The envelope's recipients; when empty, those of the header count.
        placement: Where the pixel goes unless the HTML holds a placeholder.
        make_pixel: Makes the pixel, given the message's header and the most
            characters that its URL may have.  Called at most once, and only when
            there is a place for it.
        is_own_token: Says whether a pixel token is one of ours.  Such pixels,
            from an earlier run or quoted in a reply, are taken out.
        remove_fields: Names of header fields to take out, tracked or not.

    Raises:
        Whatever *make_pixel* and *is_own_token* raise, and nothing else.
    """
    rewriter = _Rewriter(
        raw,
        recipients=recipients,
        placement=placement,
        make_pixel=make_pixel,
        is_own_token=is_own_token,
        remove_fields=remove_fields,
    )
    try:
        return rewriter.run()
    except _CallerError as error:
        if error.__cause__ is not None:
            raise error.__cause__ from None
        raise
    except Exception as error:  # noqa: BLE001 - mail must flow, whatever is in it
        return Rewriting(outcome=Outcome.MALFORMED, failure=type(error).__name__)


class _Rewriter:
    """The steps of one rewriting."""

    __slots__ = (
        "_is_final",
        "_is_own_token",
        "_make_pixel",
        "_placement",
        "_raw",
        "_recipients",
        "_remove_fields",
    )

    def __init__(
        self,
        raw: bytes,
        *,
        recipients: Sequence[str],
        placement: Placement,
        make_pixel: MakePixel,
        is_own_token: Callable[[str], bool],
        remove_fields: Sequence[str],
        is_final: bool = False,
    ) -> None:
        self._raw = raw
        self._recipients = recipients
        self._is_final = is_final
        self._placement = placement
        self._make_pixel = make_pixel
        self._is_own_token = is_own_token
        self._remove_fields = remove_fields

    def run(self) -> Rewriting:
        raw = self._raw
        header = read_header(raw, message_start(raw), len(raw))
        if header is None:
            return Rewriting(outcome=Outcome.TOO_COMPLEX)
        if b"\n" not in header.octets:
            return Rewriting(outcome=Outcome.MALFORMED)
        removals = self._removals(header)
        rewriting = self._track(header, removals)
        if removals and rewriting.outcome is not Outcome.TRACKED:
            return dataclasses.replace(rewriting, splice=_spliced(raw, removals))
        return rewriting

    def _removals(self, header: Header) -> list[Edit]:
        """Return the removal of the fields asked for; of none where that bares a mark.

        What looks like a byte order mark would stand at the start, and be passed over.
        """
        spans = sorted(span for name in self._remove_fields for span in header.spans(name))
        first = 0
        for start, end in spans:
            if start == first:
                first = end
        if first and message_start(self._raw, first) != first:
            return []
        return [Edit(start=start, end=end, insert=b"") for start, end in spans]

    def _track(self, header: Header, removals: list[Edit]) -> Rewriting:
        refusal = refusal_for_recipients(header, self._recipients)
        if refusal is not None:
            return Rewriting(outcome=refusal)
        part = find_html_part(self._raw, header)
        if isinstance(part, Outcome):
            return Rewriting(outcome=part)
        body = read_body(self._raw, part)
        if isinstance(body, Outcome):
            return Rewriting(outcome=body)
        return self._place(header, part, body, removals)

    def _place(self, header: Header, part: HtmlPart, body: Body, removals: list[Edit]) -> Rewriting:
        text = _unprotected_text(body, part)
        if isinstance(text, Outcome):
            return Rewriting(outcome=text)
        is_limited = text.is_ascii_compatible and not body.breaks_lines
        plan = plan_edits(
            text.view,
            self._placement,
            self._own_token,
            line_end=line_end_of(self._raw, part) if is_limited else None,
        )
        if isinstance(plan, Outcome):
            return Rewriting(outcome=plan)
        pixel = self._pixel(header, body)
        edits = plan.edits(text.view, pixel.markup())
        changes = _encoded(edits, text, body) if edits else []
        if changes is None:
            return Rewriting(outcome=Outcome.UNSUPPORTED_ENCODING)
        in_message = _in_message(changes, part)
        if splits_line_end(self._raw, in_message) or makes_long_line(
            self._raw, _spliced(self._raw, in_message)
        ):
            return Rewriting(outcome=Outcome.UNSUPPORTED_ENCODING)
        rewriting = Rewriting(
            outcome=Outcome.TRACKED,
            splice=_spliced(self._raw, removals + in_message),
            pixel=pixel,
            warnings=plan.warnings + _warnings(header, text.view),
        )
        is_usual = isinstance(text, AsciiText) and b"\0" not in text.view
        is_usual = is_usual and not (plan.removes or part.before)
        if is_usual or self._is_final or self._is_stable(rewriting, pixel):
            return rewriting
        return Rewriting(outcome=Outcome.UNSUPPORTED_ENCODING)

    def _is_stable(self, rewriting: Rewriting, pixel: Pixel) -> bool:
        """Say whether *rewriting* would change nothing a second time.

        Where something is taken out, or the charset is no ASCII, what remains can
        read as something else: as a header field, as the marker of a signature, as
        another charset.  Such messages are rare, so each is judged a second time.
        """
        token = Pixel.token_of(pixel.url)
        result = rewriting.message(self._raw)
        again = _Rewriter(
            result,
            recipients=self._recipients,
            placement=self._placement,
            make_pixel=lambda _header, _most: pixel,
            is_own_token=lambda found: found == token or self._is_own_token(found),
            remove_fields=self._remove_fields,
            is_final=True,
        ).run()
        return again.outcome is Outcome.TRACKED and again.message(result) == result

    def _own_token(self, token: str) -> bool:
        try:
            return self._is_own_token(token)
        except Exception as error:
            raise _CallerError from error

    def _pixel(self, header: Header, body: Body) -> Pixel:
        most = MAX_URL_CHARACTERS if body.breaks_lines else MAX_UNBROKEN_URL_CHARACTERS
        try:
            return self._make_pixel(header, most)
        except Exception as error:
            raise _CallerError from error


def _unprotected_text(body: Body, part: HtmlPart) -> Text | Outcome:
    text = read_text(body.octets, part.charset)
    return text if isinstance(text, Outcome) else inline_protection(text.view) or text


def _encoded(edits: list[Edit], text: Text, body: Body) -> list[Edit] | None:
    """Carry edits of the markup view over to the octets, and those to the encoded body."""
    octet_edits = text.octet_edits(edits)
    return None if octet_edits is None else body.encoded_edits(octet_edits)


def _in_message(changes: list[Edit], part: HtmlPart) -> list[Edit]:
    """Return edits of the body as edits of the message."""
    return [
        Edit(
            start=part.start + edit.start,
            end=part.start + edit.end,
            insert=part.before + edit.insert + part.after,
        )
        for edit in changes
    ]


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
    return merged(raw, sorted(changes, key=lambda edit: edit.start))
