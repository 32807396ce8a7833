"""Configurations for tests."""

from typing import Final

from injector_service.configurations import Configuration
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting import Placement

FULL: Final = Configuration(
    id="full",
    display_name="Rundbrief · рассылка 📬",
    description="With 'quotes', \"more\" and\nlines",
    open_notifications_enabled=True,
    open_statistics_enabled=True,
    pixel_base_url="https://t.example.com/x",
    pixel_placement=Placement.START,
    privacy_level=PrivacyLevel.PSEUDONYMOUS,
    notified_headers=("X-Campaign", "List-Id"),
    senders=("News@Example.com", "münchen.example"),
    open_expiry_days=30,
)
