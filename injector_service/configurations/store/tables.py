"""The tables, as the migrations make them, and rows from and to values."""

from typing import Any, Final

import sqlalchemy as sa

from injector_service.configurations.configuration import Configuration, StoredConfiguration
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting import Placement
from service_runtime.times import microseconds_of, time_of

metadata = sa.MetaData()

# One row.  Every write raises `generation` first: that makes writers wait for each
# other, and tells other processes to look.
state = sa.Table(
    "injector_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
)

# Octet order on both backends; PostgreSQL would sort by its locale.
_ID: Final = sa.String(63).with_variant(sa.String(63, collation="C"), "postgresql")

configurations = sa.Table(
    "injector_configurations",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("open_notifications_enabled", sa.Boolean, nullable=False),
    sa.Column("open_statistics_enabled", sa.Boolean, nullable=False),
    sa.Column("pixel_base_url", sa.Text, nullable=False),
    sa.Column("pixel_placement", sa.Text, nullable=False),
    sa.Column("privacy_level", sa.Integer, nullable=False),
    sa.Column("notified_headers", sa.JSON, nullable=False),
    sa.Column("senders", sa.JSON, nullable=False),
    sa.Column("open_expiry_days", sa.Integer, nullable=False, server_default="0"),
    # Microseconds since 1970, because SQLite has no time with a zone.
    sa.Column("create_time_us", sa.BigInteger, nullable=False),
    sa.Column("update_time_us", sa.BigInteger, nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
)

# What keeps a sender in one configuration: its key (`senders.sender_key`).
senders = sa.Table(
    "injector_senders",
    metadata,
    sa.Column("sender_key", sa.Text, primary_key=True),
    sa.Column(
        "configuration_id",
        _ID,
        sa.ForeignKey(configurations.c.id, ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
)


def row_of(stored: StoredConfiguration) -> dict[str, Any]:
    """Return the row of *stored*."""
    configuration = stored.configuration
    return {
        "id": configuration.id,
        "display_name": configuration.display_name,
        "description": configuration.description,
        "open_notifications_enabled": configuration.open_notifications_enabled,
        "open_statistics_enabled": configuration.open_statistics_enabled,
        "pixel_base_url": configuration.pixel_base_url,
        "pixel_placement": configuration.pixel_placement.value,
        "privacy_level": int(configuration.privacy_level),
        "notified_headers": list(configuration.notified_headers),
        "senders": list(configuration.senders),
        "open_expiry_days": configuration.open_expiry_days,
        "create_time_us": microseconds_of(stored.create_time),
        "update_time_us": microseconds_of(stored.update_time),
        "etag": stored.etag,
    }


def stored_configuration_of(row: sa.RowMapping) -> StoredConfiguration:
    """Return what *row* says."""
    return StoredConfiguration(
        configuration=Configuration(
            id=row["id"],
            display_name=row["display_name"],
            description=row["description"],
            open_notifications_enabled=row["open_notifications_enabled"],
            open_statistics_enabled=row["open_statistics_enabled"],
            pixel_base_url=row["pixel_base_url"],
            pixel_placement=Placement(row["pixel_placement"]),
            privacy_level=PrivacyLevel(row["privacy_level"]),
            notified_headers=tuple(row["notified_headers"]),
            senders=tuple(row["senders"]),
            open_expiry_days=row["open_expiry_days"],
        ),
        create_time=time_of(row["create_time_us"]),
        update_time=time_of(row["update_time_us"]),
        etag=row["etag"],
    )
