"""ConfigurationService: from a message of the contract to a call, and back."""

import grpc

from emailopens.injector.v1 import configuration_service_pb2 as pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as pb_grpc
from injector_service.configurations import Configurations
from injector_service.grpc_api.convert_configuration import (
    configuration_to_proto,
    read_create_request,
    read_page_request,
    read_update_request,
)
from service_runtime.field_checks import FieldChecks
from service_runtime.page_tokens import page_of


class ConfigurationServicer(pb_grpc.ConfigurationServiceServicer):
    """Keeps the configurations."""

    def __init__(self, configurations: Configurations) -> None:
        self._configurations = configurations

    async def CreateConfiguration(
        self,
        request: pb.CreateConfigurationRequest,
        context: grpc.aio.ServicerContext[
            pb.CreateConfigurationRequest,
            pb.CreateConfigurationResponse,
        ],
    ) -> pb.CreateConfigurationResponse:
        """Create a configuration."""
        del context
        stored = await self._configurations.create(read_create_request(request))
        return pb.CreateConfigurationResponse(configuration=configuration_to_proto(stored))

    async def GetConfiguration(
        self,
        request: pb.GetConfigurationRequest,
        context: grpc.aio.ServicerContext[pb.GetConfigurationRequest, pb.GetConfigurationResponse],
    ) -> pb.GetConfigurationResponse:
        """Return a configuration."""
        del context
        stored = await self._configurations.get(_checked_id(request.configuration_id))
        return pb.GetConfigurationResponse(configuration=configuration_to_proto(stored))

    async def ListConfigurations(
        self,
        request: pb.ListConfigurationsRequest,
        context: grpc.aio.ServicerContext[
            pb.ListConfigurationsRequest,
            pb.ListConfigurationsResponse,
        ],
    ) -> pb.ListConfigurationsResponse:
        """Return a page of configurations."""
        del context
        after, size = read_page_request(request)
        found = await self._configurations.page(after=after, limit=size + 1)
        page, token = page_of(found, size, lambda each: each.configuration.id)
        return pb.ListConfigurationsResponse(
            configurations=[configuration_to_proto(stored) for stored in page],
            next_page_token=token,
        )

    async def UpdateConfiguration(
        self,
        request: pb.UpdateConfigurationRequest,
        context: grpc.aio.ServicerContext[
            pb.UpdateConfigurationRequest,
            pb.UpdateConfigurationResponse,
        ],
    ) -> pb.UpdateConfigurationResponse:
        """Change a configuration."""
        del context
        stored = await self._configurations.update(
            request.configuration.id,
            etag=request.configuration.etag,
            change=read_update_request(request),
        )
        return pb.UpdateConfigurationResponse(configuration=configuration_to_proto(stored))

    async def DeleteConfiguration(
        self,
        request: pb.DeleteConfigurationRequest,
        context: grpc.aio.ServicerContext[
            pb.DeleteConfigurationRequest,
            pb.DeleteConfigurationResponse,
        ],
    ) -> pb.DeleteConfigurationResponse:
        """Delete a configuration."""
        del context
        await self._configurations.delete(_checked_id(request.configuration_id), etag=request.etag)
        return pb.DeleteConfigurationResponse()


def _checked_id(configuration_id: str) -> str:
    checks = FieldChecks()
    checks.require_id(configuration_id, "configuration_id")
    checks.finish()
    return configuration_id
