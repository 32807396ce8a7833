"""Follows the opens of a pixel service: `OpenStream` is all there is."""

from emailopens_client.open_stream import Batch, OpenStream
from emailopens_client.start import LogEnd

__all__ = ["Batch", "LogEnd", "OpenStream"]
