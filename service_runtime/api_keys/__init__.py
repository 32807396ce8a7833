"""API keys: who may call, by a secret of which only the digest is kept.

Read `key` first, then `live_keys`.
"""

from service_runtime.api_keys.commands import api_keys_group
from service_runtime.api_keys.errors import (
    ApiKeyExpired,
    ApiKeyInvalid,
    ApiKeyMissing,
    CertificateUnknown,
    RoleNotAllowed,
    Unauthenticated,
)
from service_runtime.api_keys.key_file import API_KEYS_FILE, ApiKeysError
from service_runtime.api_keys.live_keys import ApiKeys, Metadata

__all__ = [
    "API_KEYS_FILE",
    "ApiKeyExpired",
    "ApiKeyInvalid",
    "ApiKeyMissing",
    "ApiKeys",
    "ApiKeysError",
    "CertificateUnknown",
    "Metadata",
    "RoleNotAllowed",
    "Unauthenticated",
    "api_keys_group",
]
