"""Follows the opens of a pixel service: begin with `OpenStream`."""

from emailopens_client.api_keys import ApiKeyFile, ApiKeyUnusable
from emailopens_client.channels import Tls, TlsFilesUnusable
from emailopens_client.failures import is_pause
from emailopens_client.open_stream import Batch, OpenStream
from emailopens_client.start import LogEnd

__all__ = [
    "ApiKeyFile",
    "ApiKeyUnusable",
    "Batch",
    "LogEnd",
    "OpenStream",
    "Tls",
    "TlsFilesUnusable",
    "is_pause",
]
