"""What a caller asks for one message, and what it may ask."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Final

from injector_service.privacy import PrivacyLevel
from service_runtime.field_checks import FieldChecks

# 50 MiB: more than the largest message that the large mailbox providers take.
DEFAULT_MAX_MESSAGE_OCTETS: Final = 50 * 1024 * 1024

MAX_CONFIGURATION_IDS: Final = 10
MAX_RECIPIENTS: Final = 1_000

# RFC 5321 section 4.5.3.1: 64 of local part, the sign, 255 of domain.
MAX_RECIPIENT_CHARACTERS: Final = 320
MAX_EXCHANGERS: Final = 20
MAX_TAGS: Final = 20
MAX_TAG_VALUE_CHARACTERS: Final = 128

# A mailbox of an envelope (RFC 5321 section 4.1.2), in whatever script: one address and
# no list, no display name, no brackets.  Postmaster alone needs no domain.
_RECIPIENT: Final = re.compile(
    r"""(?: [^\s"@<>,;\x00-\x1f\x7f]++ | "(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*+" )
        @ [^\s"@<>,;\x00-\x1f\x7f]+ | postmaster""",
    re.VERBOSE | re.IGNORECASE,
)
# RFC 1035 section 2.3.4, with a dot at the end if somebody has written it; "." alone is the
# null MX of RFC 7505.
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,255}\.?")
_TAG_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9._@+=~-]{1,128}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RewriteRequest:
    """One message, and how it is to be tracked."""

    raw_message: bytes
    configuration_ids: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    message_id: str = ""
    is_tracking_off: bool = False
    privacy_level: PrivacyLevel = PrivacyLevel.FULL
    """At least this restrictive."""

    recipient_mx: tuple[str, ...] = ()
    """The names of the recipient's mail exchangers."""


def check_rewrite_request(request: RewriteRequest, checks: FieldChecks) -> None:
    """Note everything that is wrong with *request*."""
    check_message(request.raw_message, checks)
    check_configuration_ids(request.configuration_ids, checks)
    checks.require_at_most(len(request.recipients), MAX_RECIPIENTS, "recipients", "elements")
    for index, recipient in enumerate(request.recipients[:MAX_RECIPIENTS]):
        check_recipient(recipient, checks, field=f"recipients[{index}]")
    # Most requests have none.
    if request.tags:
        check_tags(request.tags, checks)
    check_message_id(request.message_id, checks)
    if request.recipient_mx:
        check_recipient_mx(request.recipient_mx, checks)


def check_message(raw_message: bytes, checks: FieldChecks) -> None:
    """Note that there is no message."""
    checks.require(raw_message, "raw_message", "must not be empty")


def check_message_id(message_id: str, checks: FieldChecks, *, field: str = "message_id") -> None:
    """Note that *message_id*, if there is one, is none."""
    if message_id and not _MESSAGE_ID.fullmatch(message_id):
        checks.refuse(field, f"must match {_MESSAGE_ID.pattern}")


def check_configuration_ids(
    configuration_ids: Sequence[str], checks: FieldChecks, *, field: str = "configuration_ids"
) -> None:
    """Note what is wrong with a list of configurations."""
    checks.require_at_most(len(configuration_ids), MAX_CONFIGURATION_IDS, field, "elements")
    for index, configuration_id in enumerate(configuration_ids[:MAX_CONFIGURATION_IDS]):
        checks.require_id(configuration_id, f"{field}[{index}]")
        if index and configuration_id in configuration_ids[:index]:
            checks.refuse(f"{field}[{index}]", "is listed twice")


def check_recipient(recipient: str, checks: FieldChecks, *, field: str) -> None:
    """Note that *recipient* is no address of an envelope."""
    if len(recipient) > MAX_RECIPIENT_CHARACTERS or not _RECIPIENT.fullmatch(recipient):
        checks.refuse(
            field, f"must be an address alone, of at most {MAX_RECIPIENT_CHARACTERS} characters"
        )


def check_recipient_mx(names: Sequence[str], checks: FieldChecks) -> None:
    """Note what is wrong with the *names* of mail exchangers."""
    field = "recipient_mx"
    checks.require_at_most(len(names), MAX_EXCHANGERS, field, "elements")
    for index, name in enumerate(names[:MAX_EXCHANGERS]):
        checks.require(
            _HOST_NAME.fullmatch(name),
            f"{field}[{index}]",
            "must be a host name of at most 255 characters",
        )


def check_tags(tags: Mapping[str, str], checks: FieldChecks, *, field: str = "tags") -> None:
    """Note what is wrong with *tags*."""
    checks.require_at_most(len(tags), MAX_TAGS, field, "elements")
    for key in sorted(tags)[:MAX_TAGS]:
        if not _TAG_KEY.fullmatch(key):
            # Not quoted: it may hold anything at any length.
            checks.refuse(field, f"has a key that does not match {_TAG_KEY.pattern}")
            continue
        checks.require(
            1 <= len(tags[key]) <= MAX_TAG_VALUE_CHARACTERS and not _CONTROL.search(tags[key]),
            f'{field}["{key}"]',
            f"must be 1 to {MAX_TAG_VALUE_CHARACTERS} characters without control characters",
        )
