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
from typing import Final

from injector_service.content import Body, read_body
from injector_service.edit import Edit, Splice, applied, merged
from injector_service.header import Header, message_start, read_header
from injector_service.mime import HtmlPart, find_html_part
from injector_service.outcome import Outcome, Placement, RewriteWarning
from injector_service.pixel import Pixel
from injector_service.placement import Place, find_place, own_pixels
from injector_service.recipients import refusal_for_recipients

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


def rewrite_message(  # noqa: PLR0913 - one message and all that bears on it, by name
    raw: bytes,
    *,
    recipients: Sequence[str] = (),
    placement: Placement = Placement.END,
    make_pixel: Callable[[Header], Pixel],
    is_own_token: Callable[[str], bool],
    remove_fields: Sequence[str] = (),
) -> Rewriting:
    """Put a pixel into the HTML part of *raw*, if it can be done exactly.

    Args:
        raw: The message (RFC 5322), in any line ends.
        recipients: The envelope's recipients; when empty, those of the header count.
        placement: Where the pixel goes unless the HTML holds a placeholder.
        make_pixel: Makes the pixel, given the message's header.  Called at most
            once, and only when there is a place for it.
        is_own_token: Says whether a pixel token is one of ours.  Such pixels,
            from an earlier run or quoted in a reply, are taken out.
        remove_fields: Names of header fields to take out, tracked or not.

    Raises:
        Whatever *make_pixel* and *is_own_token* raise, and nothing else.
    """
    rewriter = _Rewriter(raw, placement=placement, make_pixel=make_pixel, is_own_token=is_own_token)
    try:
        return rewriter.run(recipients, remove_fields)
    except _CallerError as error:
        if error.__cause__ is not None:
            raise error.__cause__ from None
        raise
    except Exception as error:  # noqa: BLE001 - mail must flow, whatever is in it
        return Rewriting(outcome=Outcome.MALFORMED, failure=type(error).__name__)


class _Rewriter:
    """The steps of one rewriting."""

    __slots__ = ("_is_own_token", "_make_pixel", "_placement", "_raw")

    def __init__(
        self,
        raw: bytes,
        *,
        placement: Placement,
        make_pixel: Callable[[Header], Pixel],
        is_own_token: Callable[[str], bool],
    ) -> None:
        self._raw = raw
        self._placement = placement
        self._make_pixel = make_pixel
        self._is_own_token = is_own_token

    def run(self, recipients: Sequence[str], remove_fields: Sequence[str]) -> Rewriting:
        raw = self._raw
        header = read_header(raw, message_start(raw), len(raw))
        if header is None:
            return Rewriting(outcome=Outcome.TOO_COMPLEX)
        if b"\n" not in header.octets:
            return Rewriting(outcome=Outcome.MALFORMED)
        removals = [
            Edit(start=start, end=end, insert=b"")
            for name in remove_fields
            for start, end in header.spans(name)
        ]
        rewriting = self._track(header, recipients, removals)
        if removals and rewriting.outcome is not Outcome.TRACKED:
            return dataclasses.replace(rewriting, splice=_spliced(raw, removals))
        return rewriting

    def _track(self, header: Header, recipients: Sequence[str], removals: list[Edit]) -> Rewriting:
        refusal = refusal_for_recipients(header, recipients)
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
        html = body.octets
        own = own_pixels(html, self._own_token)
        if isinstance(own, Outcome):
            return Rewriting(outcome=own)
        cuts = [Edit(start=start, end=end, insert=b"") for start, end in own]
        place = find_place(applied(html, cuts), self._placement)
        if isinstance(place, Outcome):
            return Rewriting(outcome=place)
        pixel = self._pixel(header)
        edits = _text_edits(html, cuts, place, pixel.markup())
        encoded = body.encoded_edits(edits) if edits else []
        if encoded is None:
            return Rewriting(outcome=Outcome.UNSUPPORTED_ENCODING)
        changes = removals + [
            Edit(start=part.start + edit.start, end=part.start + edit.end, insert=edit.insert)
            for edit in encoded
        ]
        return Rewriting(
            outcome=Outcome.TRACKED,
            splice=_spliced(self._raw, changes),
            pixel=pixel,
            warnings=_warnings(header, html, place),
        )

    def _own_token(self, token: str) -> bool:
        try:
            return self._is_own_token(token)
        except Exception as error:
            raise _CallerError from error

    def _pixel(self, header: Header) -> Pixel:
        try:
            return self._make_pixel(header)
        except Exception as error:
            raise _CallerError from error


def _warnings(header: Header, html: bytes, place: Place) -> tuple[RewriteWarning, ...]:
    warnings = place.warnings
    if len(html) > LARGE_HTML_OCTETS:
        warnings += (RewriteWarning.LARGE_HTML,)
    if header.find(b"dkim-signature") is not None:
        warnings += (RewriteWarning.ALREADY_DKIM_SIGNED,)
    return warnings


def _text_edits(html: bytes, cuts: list[Edit], place: Place, markup: bytes) -> list[Edit]:
    """Turn a place in the text without the *cuts* into edits of the text as it is.

    An edit that would change nothing is left out: a second rewriting with the
    same pixel leaves every octet alone.
    """
    edits = list(cuts)
    moved = 0
    inner = iter(cuts)
    following = next(inner, None)
    wanted = [Edit(start=start, end=end, insert=b"") for start, end in place.removals]
    wanted.append(Edit(start=place.spot, end=place.spot, insert=markup))
    for edit in sorted(wanted, key=lambda edit: (edit.start, edit.end)):
        while following is not None and following.start - moved < edit.start:
            moved += following.end - following.start
            following = next(inner, None)
        edits.append(Edit(start=edit.start + moved, end=edit.end + moved, insert=edit.insert))
    return [edit for edit in _joined(edits) if html[edit.start : edit.end] != edit.insert]


def _joined(edits: list[Edit]) -> list[Edit]:
    """Return *edits* in order, those that touch made one."""
    result: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if result and result[-1].end >= edit.start:
            last = result[-1]
            result[-1] = Edit(
                start=last.start, end=max(last.end, edit.end), insert=last.insert + edit.insert
            )
        else:
            result.append(edit)
    return result


def _spliced(raw: bytes, changes: list[Edit]) -> Splice:
    if not changes:
        return Splice(offset=0, delete_count=0, insert=b"")
    return merged(raw, sorted(changes, key=lambda edit: edit.start))
