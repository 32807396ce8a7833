"""Keeps a pixel's URL short: what of the header goes into the token.

A URL has at most 2,000 characters (920 where it must fit on a line), a token at most
1,950.  What does not fit is left out: first notified header fields from the end, then
the end of the subject; where that is not enough, To mailboxes from the end, then whole
fields, the recipient last.  What identifies the message, and its tags, are never cut.
"""

import functools
import html
import itertools
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from injector_service.pixels.header_facts import HeaderFacts
from injector_service.pixels.token_payload import NotifiedField, TokenPayload
from injector_service.pixels.token_sealer import MAX_TOKEN_CHARACTERS, OVERHEAD_OCTETS, serialize
from injector_service.rewriting import PIXEL_PATH
from injector_service.rewriting.mime import addr_spec

# The flag that something was cut: a field number and a value.
FLAG_OCTETS: Final = 2

# Seven bits of a length in each octet (protobuf's varint).
_VARINT_BITS: Final = 7

# Two for each base URL, of which an installation has a few.
_REMEMBERED_LIMITS: Final = 256

# RFC 2047 section 2, as long as they are found in mail.
_ENCODED_WORD: Final = re.compile(r"=\?[^?\s]++\?[bBqQ]\?[^?]*+\?=")


class Fitted(NamedTuple):
    """A payload that fits, its octets, and what was cut for it."""

    payload: TokenPayload
    plaintext: bytes
    is_subject_cut: bool
    are_fields_cut: bool


@functools.lru_cache(_REMEMBERED_LIMITS)
def max_payload_octets(base_url: str, max_url_characters: int) -> int:
    """Return how many octets a payload may have so that the URL below *base_url* fits.

    *max_url_characters* counts the URL as HTML has it, with five for an ampersand.
    """
    path = len(PIXEL_PATH.format(token=""))
    written = len(html.escape(base_url)) + path
    characters = min(MAX_TOKEN_CHARACTERS, max_url_characters - written)
    # Four characters of base64url carry three octets.
    return characters * 3 // 4 - OVERHEAD_OCTETS


def fit(core: TokenPayload, facts: HeaderFacts, max_octets: int) -> Fitted:
    """Return *core* with as much of *facts* as fits into *max_octets*.

    *core* itself must fit, which `excess_octets` says.
    """
    whole = (_without_recipient(facts) if _to_says_recipient(facts) else facts).with_core(core)
    plaintext = serialize(whole)
    if len(plaintext) <= max_octets:
        return Fitted(
            payload=whole, plaintext=plaintext, is_subject_cut=False, are_fields_cut=False
        )
    room = _Room(max_octets - _core_octets(core) - FLAG_OCTETS)
    to_mailboxes: tuple[str, ...] = ()
    if _to_says_recipient(facts) and room.holds_all(facts.to_mailboxes):
        facts = _without_recipient(facts)
        to_mailboxes = room.take_first(facts.to_mailboxes)
    cut = _cut(facts, to_mailboxes, room)
    payload = cut.with_core(core)._replace(headers_truncated=True)
    return Fitted(
        payload=payload,
        plaintext=serialize(payload),
        is_subject_cut=cut.subject != facts.subject,
        are_fields_cut=cut._replace(subject=facts.subject) != facts,
    )


def _cut(facts: HeaderFacts, to_mailboxes: tuple[str, ...], room: "_Room") -> HeaderFacts:
    """Return what of *facts* fits into *room*, where *to_mailboxes*, if any, are already in."""
    cut = HeaderFacts(
        recipient=room.take_text(facts.recipient),
        identity_id=room.take_text(facts.identity_id),
        from_mailboxes=room.take_first(facts.from_mailboxes),
        header_message_id=room.take_text(facts.header_message_id),
        date=room.take_text(facts.date),
    )
    if not to_mailboxes and room.holds_all(facts.to_mailboxes):
        to_mailboxes = room.take_first(facts.to_mailboxes)
    subject = room.take_start(facts.subject)
    # A To field that would not fit without the subject either does not cost the subject.
    to_mailboxes = to_mailboxes or room.take_first(facts.to_mailboxes)
    return cut._replace(
        to_mailboxes=to_mailboxes,
        subject=subject,
        notified_fields=room.take_fields(facts.notified_fields),
    )


def excess_octets(core: TokenPayload, max_octets: int) -> int:
    """Return by how many octets *core* is too long when all of the header is cut; 0 if it fits."""
    return max(0, _core_octets(core) + FLAG_OCTETS - max_octets)


def _to_says_recipient(facts: HeaderFacts) -> bool:
    """Say whether the pixel service finds the recipient in a whole To field by itself."""
    if len(facts.to_mailboxes) != 1:
        return False
    return addr_spec(facts.to_mailboxes[0]) == facts.recipient


def _without_recipient(facts: HeaderFacts) -> HeaderFacts:
    return facts._replace(recipient="")


class _Room:
    """The octets that are left; values that fit are taken out of it."""

    def __init__(self, octets: int) -> None:
        self._octets = octets

    def take_text(self, text: str) -> str:
        """Return *text* if it fits, else nothing."""
        return text if text and self._take(_field_octets(_octets(text))) else ""

    def holds_all(self, texts: Sequence[str]) -> bool:
        """Say whether all *texts* fit."""
        return sum(_field_octets(_octets(text)) for text in texts) <= self._octets

    def take_first(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return *texts* up to the first that does not fit."""
        return tuple(
            itertools.takewhile(lambda text: self._take(_field_octets(_octets(text))), texts)
        )

    def take_fields(self, fields: Sequence[NotifiedField]) -> tuple[NotifiedField, ...]:
        """Return *fields* up to the first that does not fit."""
        return tuple(
            itertools.takewhile(lambda field: self._take(_field_octets(_inner(field))), fields)
        )

    def take_start(self, text: str) -> str:
        """Return *text* up to where it does not fit: whole characters, whole encoded words."""
        if self._take(_field_octets(_octets(text))):
            return text
        for length_octets in (1, 2):
            room = self._octets - 1 - length_octets
            if room < 1 << _VARINT_BITS * length_octets:
                break
        start = _start_of(text, room)
        self._take(_field_octets(_octets(start)))
        return start

    def _take(self, octets: int) -> bool:
        if octets > self._octets:
            return False
        self._octets -= octets
        return True


def _start_of(text: str, max_octets: int) -> str:
    end = len(text.encode()[: max(max_octets, 0)].decode(errors="ignore"))
    for word in _ENCODED_WORD.finditer(text):
        if word.end() > end:
            # Half an encoded word would be shown as the gibberish that it is.
            end = min(end, word.start())
            break
    return text[:end].rstrip()


def _octets(text: str) -> int:
    return len(text.encode())


def _inner(field: NotifiedField) -> int:
    return sum(_field_octets(_octets(text)) for text in (field.name, field.value) if text)


def _core_octets(core: TokenPayload) -> int:
    """Return the size of *core*, counted: to serialize it takes longer."""
    ids = (*core.configuration_ids, *core.statistics_configuration_ids)
    texts = (core.message_id, *ids) if core.message_id else ids
    tags = (_field_octets(_octets(key)) + _field_octets(_octets(value)) for key, value in core.tags)
    numbers = (core.acceptance_time_us, int(core.privacy_level))
    late_numbers = (core.open_expiry_days, int(core.mail_provider))
    return (
        sum(_field_octets(_octets(text)) for text in texts)
        + sum(map(_field_octets, tags))
        + sum(1 + _varint_octets(number) for number in numbers if number)
        # The numbers of fields from 16 on take two octets.
        + sum(2 + _varint_octets(number) for number in late_numbers if number)
    )


def _field_octets(octets: int) -> int:
    """Return the size of a field of *octets*: number, length, value."""
    return 1 + _varint_octets(octets) + octets


def _varint_octets(number: int) -> int:
    return max(1, -(-number.bit_length() // _VARINT_BITS))
