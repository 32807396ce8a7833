"""Makes the pixel of one message: what it may say, sealed, in a URL."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from injector_service.configurations import Configuration
from injector_service.pixels.header_facts import HeaderFacts, read_header_facts
from injector_service.pixels.mail_providers import MailProvider
from injector_service.pixels.token_budget import excess_octets, fit, max_payload_octets
from injector_service.pixels.token_payload import TokenPayload
from injector_service.pixels.token_sealer import TokenSealer
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting import (
    MAX_UNBROKEN_URL_CHARACTERS,
    PIXEL_PATH,
    MadePixel,
    Pixel,
    RewriteWarning,
)
from injector_service.rewriting.mime import Header
from service_runtime.errors import FieldViolation, InvalidFields
from service_runtime.times import microseconds_of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """What is known about a message without looking into it."""

    message_id: str
    configurations: tuple[Configuration, ...]
    """Those that track."""

    acceptance_time: dt.datetime
    recipients: tuple[str, ...]
    """The envelope's; empty if those of the header count."""

    tags: Mapping[str, str]
    privacy_level: PrivacyLevel
    mail_provider: MailProvider = MailProvider.UNSPECIFIED
    """Who takes in the recipient's mail."""


class PixelMaker:
    """Makes the pixel of one message."""

    def __init__(self, facts: MessageFacts, *, base_url: str, sealer: TokenSealer) -> None:
        """Prepare what does not depend on the message's header.

        Raises:
            InvalidFields: the tags do not fit into the URL.
        """
        self._base_url = base_url.rstrip("/")
        self._sealer = sealer
        self._recipients = facts.recipients
        self._notified_headers = _notified_headers(facts)
        self._core = _core_payload(facts)
        # By the smaller limit, so that the same request is refused whatever the
        # message's transfer encoding is.
        most = max_payload_octets(self._base_url, MAX_UNBROKEN_URL_CHARACTERS)
        excess = excess_octets(self._core, most)
        if excess > 0:
            raise InvalidFields(
                FieldViolation(
                    field="tags", description=f"are {excess} octets too long for the pixel's URL"
                )
            )

    def __call__(self, header: Header, max_url_characters: int) -> MadePixel:
        """Return the pixel of the message with *header*, and what was left out of it."""
        facts = HeaderFacts()
        if self._core.privacy_level < PrivacyLevel.PSEUDONYMOUS:
            facts = read_header_facts(header, self._recipients, self._notified_headers)
        max_octets = max_payload_octets(self._base_url, max_url_characters)
        fitted = fit(self._core, facts, max_octets)
        warnings: tuple[RewriteWarning, ...] = ()
        if fitted.is_subject_cut:
            warnings += (RewriteWarning.SUBJECT_TRUNCATED,)
        if fitted.are_fields_cut:
            warnings += (RewriteWarning.HEADERS_TRUNCATED,)
        token = self._sealer.mint(fitted.plaintext)
        pixel = Pixel(url=self._base_url + PIXEL_PATH.format(token=token))
        return MadePixel(pixel, warnings)


def _notified_headers(facts: MessageFacts) -> Sequence[str]:
    """Return the names that any notified configuration asks for: a token has one list for all."""
    return [
        name
        for configuration in facts.configurations
        if configuration.open_notifications_enabled
        for name in configuration.notified_headers
    ]


def _core_payload(facts: MessageFacts) -> TokenPayload:
    """Return what is sealed whatever the header says."""
    is_anonymous = facts.privacy_level >= PrivacyLevel.ANONYMOUS
    time = facts.acceptance_time
    if is_anonymous:
        # The day alone, so that all messages of a configuration and day share a token.
        time = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return TokenPayload(
        message_id="" if is_anonymous else facts.message_id,
        configuration_ids=_ids(facts, are_notified=True),
        statistics_configuration_ids=_ids(facts, are_notified=False),
        acceptance_time_us=microseconds_of(time),
        privacy_level=facts.privacy_level,
        tags=() if is_anonymous else tuple(sorted(facts.tags.items())),
        open_expiry_days=_open_expiry_days(facts),
        mail_provider=MailProvider.UNSPECIFIED if is_anonymous else facts.mail_provider,
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
