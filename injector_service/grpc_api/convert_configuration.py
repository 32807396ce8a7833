"""Configurations and requests for them: values from and to the contract's messages."""

import dataclasses
from collections.abc import Callable
from typing import Final

from emailopens.injector.v1 import configuration_service_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from injector_service.configurations import Configuration, StoredConfiguration, check_configuration
from injector_service.new_ids import new_configuration_id
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting import Placement
from service_runtime.field_checks import FieldChecks
from service_runtime.page_tokens import read_page_token

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1_000

# A client that does not care sends UNSPECIFIED.
PLACEMENT_FROM_PROTO: Final = {
    pb.Configuration.PIXEL_PLACEMENT_UNSPECIFIED: Placement.END,
    pb.Configuration.PIXEL_PLACEMENT_END: Placement.END,
    pb.Configuration.PIXEL_PLACEMENT_START: Placement.START,
}
PLACEMENT_TO_PROTO: Final = {
    Placement.END: pb.Configuration.PIXEL_PLACEMENT_END,
    Placement.START: pb.Configuration.PIXEL_PLACEMENT_START,
}
MUTABLE_FIELDS: Final = frozenset(
    field.name for field in dataclasses.fields(Configuration) if field.name != "id"
)

# Named in a mask they change nothing: `id` says which configuration, the others are
# output only (AIP-203).
_FIXED_FIELDS: Final = frozenset({"id", "create_time", "update_time", "etag"})

Change = Callable[[Configuration], Configuration]


def privacy_level_from_proto(
    level: privacy_level_pb2.PrivacyLevel.ValueType, checks: FieldChecks, field: str
) -> PrivacyLevel:
    """Return *level*; unspecified is FULL, the one that restricts nothing."""
    if level == privacy_level_pb2.PRIVACY_LEVEL_UNSPECIFIED:
        return PrivacyLevel.FULL
    try:
        return PrivacyLevel(level)
    except ValueError:
        checks.refuse(field, "must be a privacy level that this service knows")
        return PrivacyLevel.OFF


def privacy_level_to_proto(level: PrivacyLevel) -> privacy_level_pb2.PrivacyLevel.ValueType:
    """Return *level* as the contract has it: by the same number."""
    return privacy_level_pb2.PrivacyLevel.ValueType(level)


def configuration_from_proto(message: pb.Configuration, checks: FieldChecks) -> Configuration:
    """Return *message*; what is wrong with it is noted."""
    placement = PLACEMENT_FROM_PROTO.get(message.pixel_placement)
    checks.require(
        placement is not None,
        "configuration.pixel_placement",
        "must be a placement that this service knows",
    )
    configuration = Configuration(
        id=message.id,
        display_name=message.display_name,
        description=message.description,
        open_notifications_enabled=message.open_notifications_enabled,
        open_statistics_enabled=message.open_statistics_enabled,
        pixel_base_url=message.pixel_base_url,
        pixel_placement=placement or Placement.END,
        privacy_level=privacy_level_from_proto(
            message.privacy_level, checks, "configuration.privacy_level"
        ),
        notified_headers=tuple(message.notified_headers),
        senders=tuple(message.senders),
        open_expiry_days=message.open_expiry_days,
    )
    check_configuration(configuration, checks)
    return configuration


def configuration_to_proto(stored: StoredConfiguration) -> pb.Configuration:
    """Return *stored* as the contract has it."""
    configuration = stored.configuration
    message = pb.Configuration(
        id=configuration.id,
        display_name=configuration.display_name,
        description=configuration.description,
        open_notifications_enabled=configuration.open_notifications_enabled,
        open_statistics_enabled=configuration.open_statistics_enabled,
        pixel_base_url=configuration.pixel_base_url,
        pixel_placement=PLACEMENT_TO_PROTO[configuration.pixel_placement],
        privacy_level=privacy_level_to_proto(configuration.privacy_level),
        notified_headers=configuration.notified_headers,
        senders=configuration.senders,
        open_expiry_days=configuration.open_expiry_days,
        etag=stored.etag,
    )
    message.create_time.FromDatetime(stored.create_time)
    message.update_time.FromDatetime(stored.update_time)
    return message


def read_create_request(request: pb.CreateConfigurationRequest) -> Configuration:
    """Return the configuration to create, with a new ID if it has none.

    Raises:
        InvalidFields: naming each field that is wrong.
    """
    checks = FieldChecks()
    checks.require(request.HasField("configuration"), "configuration", "must be set")
    message = pb.Configuration()
    message.CopyFrom(request.configuration)
    message.id = message.id or new_configuration_id()
    configuration = configuration_from_proto(message, checks)
    checks.finish()
    return configuration


def read_update_request(request: pb.UpdateConfigurationRequest) -> Change:
    """Return the change to make.

    Raises:
        InvalidFields: naming each field that is wrong.
    """
    checks = FieldChecks()
    checks.require(request.HasField("configuration"), "configuration", "must be set")
    names = _masked_fields(request, checks)
    masked = pb.Configuration()
    masked.CopyFrom(request.configuration)
    for name in MUTABLE_FIELDS - names:
        # What the mask leaves out is not looked at.
        masked.ClearField(name)  # type: ignore[arg-type] # a name that is known at run time only
    proposed = configuration_from_proto(masked, checks)
    checks.finish()
    changes = {name: getattr(proposed, name) for name in names}
    return lambda configuration: dataclasses.replace(configuration, **changes)


def _masked_fields(request: pb.UpdateConfigurationRequest, checks: FieldChecks) -> frozenset[str]:
    paths = frozenset(request.update_mask.paths)
    if not paths:
        paths = frozenset(field.name for field, _ in request.configuration.ListFields())
    elif "*" in paths:
        return MUTABLE_FIELDS
    checks.require(
        paths <= MUTABLE_FIELDS | _FIXED_FIELDS,
        "update_mask",
        "must name fields of a configuration, or be `*`",
    )
    return paths & MUTABLE_FIELDS


def read_page_request(request: pb.ListConfigurationsRequest) -> tuple[str, int]:
    """Return the ID after which the page starts, and its size.

    Raises:
        InvalidFields: naming each field that is wrong.
    """
    checks = FieldChecks()
    size = checks.page_size(request.page_size, default=DEFAULT_PAGE_SIZE, most=MAX_PAGE_SIZE)
    after = read_page_token(request.page_token, checks)
    checks.finish()
    return after, size
