"""The two services: from a message of the contract to a call, and back."""

import time

import grpc

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from injector_service.configurations.snapshot import Configurations
from injector_service.grpc_api.convert_configuration import (
    configuration_to_proto,
    page_token,
    read_create_request,
    read_page_request,
    read_update_request,
)
from injector_service.grpc_api.convert_rewrite import read_rewrite_request, rewritten_to_proto
from injector_service.injector import Injector
from injector_service.metrics import InjectorMetrics
from service_runtime.field_checks import FieldChecks


class InjectorServicer(injector_pb_grpc.InjectorServiceServicer):
    """Puts pixels into messages."""

    def __init__(
        self, injector: Injector, *, metrics: InjectorMetrics, max_message_octets: int
    ) -> None:
        self._injector = injector
        self._metrics = metrics
        self._max_message_octets = max_message_octets

    async def RewriteMessage(
        self,
        request: injector_pb.RewriteMessageRequest,
        context: grpc.aio.ServicerContext[
            injector_pb.RewriteMessageRequest, injector_pb.RewriteMessageResponse
        ],
    ) -> injector_pb.RewriteMessageResponse:
        """Put a pixel into a message."""
        del context
        start = time.perf_counter()
        wanted = read_rewrite_request(request, max_message_octets=self._max_message_octets)
        # Only *wanted* from here on: each look at `request.raw_message` would copy it.
        raw = wanted.raw_message
        rewritten = await self._injector.rewrite(wanted)
        response = rewritten_to_proto(rewritten, raw, request.view)
        self._metrics.record(rewritten.rewriting, octets=len(raw), since=start)
        return response


class ConfigurationServicer(configuration_pb_grpc.ConfigurationServiceServicer):
    """Keeps the configurations."""

    def __init__(self, configurations: Configurations) -> None:
        self._configurations = configurations

    async def CreateConfiguration(
        self,
        request: configuration_pb.CreateConfigurationRequest,
        context: grpc.aio.ServicerContext[
            configuration_pb.CreateConfigurationRequest,
            configuration_pb.CreateConfigurationResponse,
        ],
    ) -> configuration_pb.CreateConfigurationResponse:
        """Create a configuration."""
        del context
        kept = await self._configurations.create(read_create_request(request))
        return configuration_pb.CreateConfigurationResponse(
            configuration=configuration_to_proto(kept)
        )

    async def GetConfiguration(
        self,
        request: configuration_pb.GetConfigurationRequest,
        context: grpc.aio.ServicerContext[
            configuration_pb.GetConfigurationRequest, configuration_pb.GetConfigurationResponse
        ],
    ) -> configuration_pb.GetConfigurationResponse:
        """Return a configuration."""
        del context
        kept = await self._configurations.get(_checked_id(request.configuration_id))
        return configuration_pb.GetConfigurationResponse(configuration=configuration_to_proto(kept))

    async def ListConfigurations(
        self,
        request: configuration_pb.ListConfigurationsRequest,
        context: grpc.aio.ServicerContext[
            configuration_pb.ListConfigurationsRequest,
            configuration_pb.ListConfigurationsResponse,
        ],
    ) -> configuration_pb.ListConfigurationsResponse:
        """Return a page of configurations."""
        del context
        after, size = read_page_request(request)
        # One more than asked for tells whether there is a next page.
        found = await self._configurations.page(after=after, limit=size + 1)
        page = found[:size]
        return configuration_pb.ListConfigurationsResponse(
            configurations=[configuration_to_proto(kept) for kept in page],
            next_page_token=page_token(page[-1].configuration.id) if len(found) > size else "",
        )

    async def UpdateConfiguration(
        self,
        request: configuration_pb.UpdateConfigurationRequest,
        context: grpc.aio.ServicerContext[
            configuration_pb.UpdateConfigurationRequest,
            configuration_pb.UpdateConfigurationResponse,
        ],
    ) -> configuration_pb.UpdateConfigurationResponse:
        """Change a configuration."""
        del context
        kept = await self._configurations.update(
            request.configuration.id,
            etag=request.configuration.etag,
            change=read_update_request(request),
        )
        return configuration_pb.UpdateConfigurationResponse(
            configuration=configuration_to_proto(kept)
        )

    async def DeleteConfiguration(
        self,
        request: configuration_pb.DeleteConfigurationRequest,
        context: grpc.aio.ServicerContext[
            configuration_pb.DeleteConfigurationRequest,
            configuration_pb.DeleteConfigurationResponse,
        ],
    ) -> configuration_pb.DeleteConfigurationResponse:
        """Delete a configuration."""
        del context
        await self._configurations.delete(_checked_id(request.configuration_id), etag=request.etag)
        return configuration_pb.DeleteConfigurationResponse()


def _checked_id(configuration_id: str) -> str:
    checks = FieldChecks()
    checks.require_id(configuration_id, "configuration_id")
    checks.finish()
    return configuration_id
