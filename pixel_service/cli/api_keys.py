"""`pixel-service api-keys`: the keys by which clients call."""

from typing import Final

from pixel_service.settings import DEFAULT_DATA
from service_runtime.api_keys import api_keys_group

api_keys: Final = api_keys_group(prefix="EMAILOPENS_PIXEL", data=DEFAULT_DATA)
