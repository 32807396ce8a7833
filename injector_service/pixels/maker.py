"""Makes the pixels of one message's copies: what each may say, sealed, in a URL."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from injector_service.configurations import Configuration
from injector_service.pixels.header_facts import HeaderFacts, read_header_facts, read_recipient
from injector_service.pixels.mail_providers import MailProvider
from injector_service.pixels.token_budget import (
    FLAG_OCTETS,
    excess_octets,
    fit,
    max_payload_octets,
)
from injector_service.pixels.token_payload import TokenPayload
from injector_service.pixels.token_sealer import Plaintexts, TokenSealer
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting import (
    MAX_UNBROKEN_URL_CHARACTERS,
    PIXEL_PATH,
    MadePixel,
    MakePixel,
    Pixel,
    RewriteWarning,
)
from injector_service.rewriting.mime import Header, addr_spec
from service_runtime.errors import FieldViolation, InvalidFields
from service_runtime.times import microseconds_of

_BEFORE_TOKEN, _AFTER_TOKEN = PIXEL_PATH.split("{token}")

_NO_TAGS: Final[Mapping[str, str]] = {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """What is known about a message, and all of its copies, without looking into it."""

    configurations: tuple[Configuration, ...]
    """Those that track."""

    acceptance_time: dt.datetime


class CopyFacts(NamedTuple):
    """What is known about one copy."""

    message_id: str
    recipients: tuple[str, ...]
    """The envelope's; empty if those of the header count."""

    tags: Mapping[str, str] = _NO_TAGS
    privacy_level: PrivacyLevel = PrivacyLevel.FULL
    mail_provider: MailProvider = MailProvider.UNSPECIFIED
    """Who takes in the recipient's mail."""


class PixelMaker:
    """Makes the pixels of one message's copies; what they share is made once."""

    def __init__(self, facts: MessageFacts, *, base_url: str, sealer: TokenSealer) -> None:
        self._facts = facts
        self._base_url = base_url.rstrip("/")
        self._sealer = sealer
        self._kinds: dict[PrivacyLevel, _Kind] = {}
        # By the smaller limit, so that the same request is refused whatever the
        # message's transfer encoding is.
        self._max_core_octets = max_payload_octets(self._base_url, MAX_UNBROKEN_URL_CHARACTERS)

    def of(self, copy: CopyFacts) -> MakePixel:
        """Return what makes the pixel of *copy*, given the message's header.

        Raises:
            InvalidFields: the tags do not fit into the URL.
        """
        kind = self._kinds.get(copy.privacy_level)
        if kind is None:
            kind = self._kinds[copy.privacy_level] = _Kind(self._facts, copy.privacy_level)
        if not kind.fits(copy, self._max_core_octets):
            excess = excess_octets(kind.core_of(copy), self._max_core_octets)
            raise InvalidFields(
                FieldViolation(
                    field="tags", description=f"are {excess} octets too long for the pixel's URL"
                )
            )
        return lambda header, most: self._made(kind, copy, header, most)

    def _made(
        self, kind: "_Kind", copy: CopyFacts, header: Header, max_url_characters: int
    ) -> MadePixel:
        max_octets = max_payload_octets(self._base_url, max_url_characters)
        plaintext = kind.plaintext(copy, header)
        warnings: tuple[RewriteWarning, ...] = ()
        if len(plaintext) > max_octets:
            fitted = fit(kind.core_of(copy), kind.facts_of(copy, header), max_octets)
            plaintext = fitted.plaintext
            if fitted.is_subject_cut:
                warnings += (RewriteWarning.SUBJECT_TRUNCATED,)
            if fitted.are_fields_cut:
                warnings += (RewriteWarning.HEADERS_TRUNCATED,)
        token = self._sealer.mint(plaintext)
        url = f"{self._base_url}{_BEFORE_TOKEN}{token}{_AFTER_TOKEN}"
        return MadePixel(Pixel(url=url), warnings)


class _Kind:
    """What the pixels of one privacy level share."""

    def __init__(self, facts: MessageFacts, level: PrivacyLevel) -> None:
        self._level = level
        self._notified_headers = _notified_headers(facts)
        self._core = _core_payload(facts, level)
        self._cores = Plaintexts.of_payload(self._core)
        self._fitting = CopyFacts("", ())
        self._header: Header | None = None
        self._facts = HeaderFacts()
        self._to_address: str | None = None
        self._plaintexts = self._cores

    def core_of(self, copy: CopyFacts) -> TokenPayload:
        """Return what is sealed whatever the header says."""
        if self._level >= PrivacyLevel.ANONYMOUS:
            return self._core
        return self._core._replace(
            message_id=copy.message_id,
            tags=tuple(sorted(copy.tags.items())),
            mail_provider=copy.mail_provider,
        )

    def fits(self, copy: CopyFacts, max_octets: int) -> bool:
        """Say whether that has at most *max_octets*, with the flag that all else was cut."""
        known = self._fitting
        if (
            copy.tags is known.tags
            and len(copy.message_id) <= len(known.message_id)
            and copy.mail_provider == known.mail_provider
        ):
            return True
        if len(self._bare_plaintext(copy)) + FLAG_OCTETS > max_octets:
            return False
        self._fitting = copy
        return True

    def facts_of(self, copy: CopyFacts, header: Header) -> HeaderFacts:
        """Return what is sealed of the header, if there is room for it."""
        if self._level >= PrivacyLevel.PSEUDONYMOUS:
            return self._facts
        return self._facts._replace(recipient=recipient_of(copy, header))

    def plaintext(self, copy: CopyFacts, header: Header) -> bytes:
        """Return the plaintext of the token of *copy* with all of the header."""
        if self._level >= PrivacyLevel.PSEUDONYMOUS:
            return self._bare_plaintext(copy)
        if self._header is not header:
            self._read(header)
        recipient = recipient_of(copy, header)
        # The pixel service finds the recipient in a whole To field by itself.
        named = "" if recipient == self._to_address else recipient
        return self._plaintexts.of(copy.message_id, named, copy.tags, copy.mail_provider)

    def _bare_plaintext(self, copy: CopyFacts) -> bytes:
        if self._level >= PrivacyLevel.ANONYMOUS:
            return self._cores.of("", "", _NO_TAGS, MailProvider.UNSPECIFIED)
        return self._cores.of(copy.message_id, "", copy.tags, copy.mail_provider)

    def _read(self, header: Header) -> None:
        self._header = header
        self._facts = facts = read_header_facts(header, self._notified_headers)
        self._to_address = (
            addr_spec(facts.to_mailboxes[0]) if len(facts.to_mailboxes) == 1 else None
        )
        self._plaintexts = self._cores.with_header(facts)


def recipient_of(copy: CopyFacts, header: Header) -> str:
    """Return the recipient of *copy*, which has one: of the envelope, or else the header."""
    return copy.recipients[0] if copy.recipients else read_recipient(header)


def _notified_headers(facts: MessageFacts) -> Sequence[str]:
    """Return the names that any notified configuration asks for: a token has one list for all."""
    return [
        name
        for configuration in facts.configurations
        if configuration.open_notifications_enabled
        for name in configuration.notified_headers
    ]


def _core_payload(facts: MessageFacts, level: PrivacyLevel) -> TokenPayload:
    """Return what is sealed of all copies whatever the header says."""
    time = facts.acceptance_time
    if level >= PrivacyLevel.ANONYMOUS:
        # The day alone, so that all messages of a configuration and day share a token.
        time = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return TokenPayload(
        message_id="",
        configuration_ids=_ids(facts, are_notified=True),
        statistics_configuration_ids=_ids(facts, are_notified=False),
        acceptance_time_us=microseconds_of(time),
        privacy_level=level,
        open_expiry_days=_open_expiry_days(facts),
    )


def _open_expiry_days(facts: MessageFacts) -> int:
    """Return the fewest days that a configuration says: a token has one expiry for all."""
    return min(
        (each.open_expiry_days for each in facts.configurations if each.open_expiry_days),
        default=0,
    )


def _ids(facts: MessageFacts, *, are_notified: bool) -> tuple[str, ...]:
    return tuple(
        each.id for each in facts.configurations if each.open_notifications_enabled is are_notified
    )
