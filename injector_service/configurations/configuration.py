"""A configuration: a named set of rules for tracking."""

import dataclasses
import datetime as dt
import re
from collections.abc import Sequence
from typing import Final

from injector_service.base_url import is_base_url
from injector_service.configurations.senders import is_sender, sender_key
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting import Placement
from service_runtime.field_checks import FieldChecks

MAX_DISPLAY_NAME_CHARACTERS: Final = 128
MAX_DESCRIPTION_CHARACTERS: Final = 1_024

MAX_NOTIFIED_HEADERS: Final = 20
MAX_SENDERS: Final = 100

# Ten years; nobody keeps opens for longer.
MAX_OPEN_EXPIRY_DAYS: Final = 3_650

# RFC 5322 section 3.6.8: printable ASCII without the colon.  76 characters, because
# a name may not be folded.
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What an operator says about the tracking of some messages.

    See the contract (`emailopens.injector.v1.Configuration`) for each field.
    """

    id: str
    display_name: str = ""
    description: str = ""
    open_notifications_enabled: bool = False
    open_statistics_enabled: bool = False
    pixel_base_url: str = ""
    pixel_placement: Placement = Placement.END
    privacy_level: PrivacyLevel = PrivacyLevel.FULL
    notified_headers: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    open_expiry_days: int = 0

    @property
    def tracks(self) -> bool:
        """Whether opens are notified or at least counted."""
        return self.open_notifications_enabled or self.open_statistics_enabled


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfiguration:
    """A configuration as the database has it."""

    configuration: Configuration
    create_time: dt.datetime
    update_time: dt.datetime
    etag: str
    """Changes with every change."""


def check_configuration(configuration: Configuration, checks: FieldChecks) -> None:
    """Note everything that is wrong with *configuration*."""
    checks.require_id(configuration.id, "configuration.id")
    _check_text(checks, "display_name", configuration.display_name, MAX_DISPLAY_NAME_CHARACTERS)
    _check_text(checks, "description", configuration.description, MAX_DESCRIPTION_CHARACTERS)
    checks.require(
        not configuration.pixel_base_url or is_base_url(configuration.pixel_base_url),
        "configuration.pixel_base_url",
        "must be an http or https URL of at most 200 ASCII characters, without query and fragment",
    )
    _check_notified_headers(checks, configuration.notified_headers)
    _check_senders(checks, configuration.senders)
    checks.require(
        0 <= configuration.open_expiry_days <= MAX_OPEN_EXPIRY_DAYS,
        "configuration.open_expiry_days",
        f"must be 0 to {MAX_OPEN_EXPIRY_DAYS:,}",
    )


def _check_text(checks: FieldChecks, name: str, value: str, limit: int) -> None:
    field = f"configuration.{name}"
    checks.require_at_most(len(value), limit, field, "characters")
    # PostgreSQL cannot keep it.
    checks.require("\0" not in value, field, "must not hold U+0000")


def _check_notified_headers(checks: FieldChecks, names: Sequence[str]) -> None:
    field = "configuration.notified_headers"
    checks.require_at_most(len(names), MAX_NOTIFIED_HEADERS, field, "elements")
    for index, name in enumerate(names[:MAX_NOTIFIED_HEADERS]):
        checks.require(
            _FIELD_NAME.fullmatch(name),
            f"{field}[{index}]",
            "must be 1 to 76 characters of a field name",
        )


def _check_senders(checks: FieldChecks, senders: Sequence[str]) -> None:
    field = "configuration.senders"
    checks.require_at_most(len(senders), MAX_SENDERS, field, "elements")
    seen: set[str] = set()
    for index, sender in enumerate(senders[:MAX_SENDERS]):
        if not is_sender(sender):
            checks.refuse(f"{field}[{index}]", "must be a mail address or a domain")
            continue
        key = sender_key(sender)
        checks.require(key not in seen, f"{field}[{index}]", "is listed twice")
        seen.add(key)
