"""From the contract's messages to values and back; no rules of its own.

Read `injector_servicer` first.  Imports `injector` and `configurations`, and of the
rewriting only what became of a message.
"""

from injector_service.grpc_api.configuration_servicer import ConfigurationServicer
from injector_service.grpc_api.injector_servicer import InjectorServicer
from injector_service.grpc_api.status_table import STATUS_OF
from injector_service.grpc_api.tracking_servicer import TrackingServicer

__all__ = ["STATUS_OF", "ConfigurationServicer", "InjectorServicer", "TrackingServicer"]
