"""The injector service inside a test, and what a test asks of it."""

import base64
import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator, Iterator
from typing import cast

import grpc
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.injector.v1 import tracking_service_pb2_grpc as tracking_pb_grpc
from emailopens.token.v1 import pixel_token_pb2
from injector_service.server import serve
from injector_service.settings import Settings
from service_runtime.drain import Drain
from service_runtime.key_ring import KeyRing
from service_runtime.target import Target, connect
from tests.fixtures.in_process import running_in_process


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service and stubs for it."""

    address: str
    settings: Settings
    configurations: "configuration_pb_grpc.ConfigurationServiceAsyncStub"
    injector: "injector_pb_grpc.InjectorServiceAsyncStub"
    tracking: "tracking_pb_grpc.TrackingServiceAsyncStub"

    async def create(
        self, configuration_id: str, **fields: object
    ) -> configuration_pb.Configuration:
        """Create a configuration that notifies, unless *fields* say otherwise."""
        given = {"open_notifications_enabled": True, **fields}
        response = await self.configurations.CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id=configuration_id,
                    **given,  # type: ignore[arg-type] # fields by name
                )
            )
        )
        return response.configuration

    def unsealed(self, pixel_url: str) -> pixel_token_pb2.PixelToken:
        """Return what the pixel at *pixel_url* says, by the contract's comments alone."""
        return unsealed(pixel_url, self.settings.load_key_ring())


@contextlib.asynccontextmanager
async def running_service(settings: Settings) -> AsyncIterator[Service]:
    """Run the service inside the block."""
    async with (
        running_in_process(serve, settings, Drain()) as address,
        connect(Target(address=address)) as channel,
    ):
        yield Service(
            address=address,
            settings=settings,
            configurations=configuration_pb_grpc.ConfigurationServiceStub(channel),
            injector=injector_pb_grpc.InjectorServiceStub(channel),
            tracking=tracking_pb_grpc.TrackingServiceStub(channel),
        )


@dataclasses.dataclass(slots=True)
class Refusal:
    """The error of a call: filled in when the block of `refused` ends."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    reason: str = ""
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    fields: list[str] = dataclasses.field(default_factory=list)
    retry_seconds: float | None = None


@contextlib.contextmanager
def refused() -> Iterator[Refusal]:
    """Expect the block's call to be refused; yields what it was refused with."""
    refusal = Refusal()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        yield refusal
    refusal.code = raised.value.code()
    # grpc-status is written for the synchronous API; an aio error has what it reads.
    status = rpc_status.from_call(cast("grpc.Call", raised.value))
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        bad_request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            refusal.reason = info.reason
            refusal.metadata = dict(info.metadata)
        elif detail.Unpack(bad_request):
            refusal.fields = [each.field for each in bad_request.field_violations]
        elif detail.Unpack(retry):
            refusal.retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()


def unsealed(pixel_url: str, ring: KeyRing) -> pixel_token_pb2.PixelToken:
    """Return what a pixel says, by the contract's comments and no code of ours."""
    found = re.fullmatch(r"https?://.+/o/([A-Za-z0-9_-]+)\.gif", pixel_url)
    assert found is not None, pixel_url
    octets = base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
    plaintext = AESSIV(ring.keys[octets[0]]).decrypt(
        octets[1:], [b"emailopens.token.v1.pixel", octets[:1]]
    )
    return pixel_token_pb2.PixelToken.FromString(plaintext)
