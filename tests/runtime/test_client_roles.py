"""Callers by the names in their certificates, over real connections."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import click
import grpc
import pytest
from click.testing import CliRunner
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens_client.channels import Tls, open_channel
from service_runtime.admission import Admission
from service_runtime.api_keys import ApiKeys, CertificateUnknown
from service_runtime.callers import Caller, Role, current_caller
from service_runtime.certificates import following_certificates
from service_runtime.drain import Drain
from service_runtime.grpc_server import GrpcService, grpc_server
from service_runtime.protection import Protection
from service_runtime.protection_options import protection_options
from service_runtime.serve_options import options_of
from tests.fixtures.api_keys import a_key, bearer
from tests.fixtures.tls_services import Certificates

NAME = pb.DESCRIPTOR.services_by_name["PixelService"].full_name
NO_MESSAGE = b"\xff"


def roles(*given: tuple[str, Role, set[str]]) -> Mapping[str, Caller]:
    return {
        name: Caller(
            role=role, name=name, configuration_ids=frozenset(limits), has_certificate=True
        )
        for name, role, limits in given
    }


class NamingServicer(pb_grpc.PixelServiceServicer):
    """Says who calls, and what that caller is limited to."""

    async def ListOpens(  # noqa: N802 - the contract's name
        self,
        request: pb.ListOpensRequest,
        context: grpc.aio.ServicerContext[pb.ListOpensRequest, pb.ListOpensResponse],
    ) -> pb.ListOpensResponse:
        del request, context
        caller = current_caller()
        return pb.ListOpensResponse(cursor=f"{caller.name} {sorted(caller.configuration_ids)}")

    async def StreamOpens(  # noqa: N802 - the contract's name
        self,
        request: pb.StreamOpensRequest,
        context: grpc.aio.ServicerContext[pb.StreamOpensRequest, pb.StreamOpensResponse],
    ) -> AsyncIterator[pb.StreamOpensResponse]:
        del request, context
        yield pb.StreamOpensResponse(started=pb.StreamStarted(start_cursor=current_caller().name))

    async def SearchOpens(  # noqa: N802 - the contract's name
        self,
        request: pb.SearchOpensRequest,
        context: grpc.aio.ServicerContext[pb.SearchOpensRequest, pb.SearchOpensResponse],
    ) -> AsyncIterator[pb.SearchOpensResponse]:
        del request, context
        raise NotImplementedError
        yield

    async def AcknowledgeOpens(  # noqa: N802 - the contract's name
        self,
        request: pb.AcknowledgeOpensRequest,
        context: grpc.aio.ServicerContext[pb.AcknowledgeOpensRequest, pb.AcknowledgeOpensResponse],
    ) -> pb.AcknowledgeOpensResponse:
        raise NotImplementedError


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "tls")


@contextlib.asynccontextmanager
async def served(
    certificates: Certificates, client_roles: Mapping[str, Caller], keys: Path | None = None
) -> AsyncIterator[str]:
    """Serve with mutual TLS; yields the address."""
    servicer = NamingServicer()
    admission = Admission(None if keys is None else ApiKeys(keys), client_roles=client_roles)
    service = GrpcService(
        name=NAME, add=lambda server: pb_grpc.add_PixelServiceServicer_to_server(servicer, server)
    )
    async with (
        following_certificates({"grpc": certificates.mutual}) as served_certificates,
        admission.followed(),
        grpc_server(
            listen="127.0.0.1:0",
            services=[service],
            status_codes={},
            drain=Drain(),
            admission=admission,
            certificate=served_certificates.get("grpc"),
        ) as address,
    ):
        yield address


@contextlib.asynccontextmanager
async def connected(
    certificates: Certificates, address: str, common_name: str = "crm", *names: str
) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel with a certificate for *names*, or for the common name alone."""
    pair = certificates.authority.issue(common_name, names=names)
    certificate, key = pair.write(certificates.folder, "caller")
    tls = Tls(ca=certificates.ca, certificate=certificate, key=key)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with open_channel(address, credentials=tls, options=options) as channel:
        yield channel


async def caller_at(channel: grpc.aio.Channel, **options: Any) -> str:  # noqa: ANN401 - a call's
    """Return who the service thinks calls."""
    stub = pb_grpc.PixelServiceStub(channel)
    response = await stub.ListOpens(pb.ListOpensRequest(), timeout=30, **options)
    return response.cursor


async def refusal_of(call: Any) -> tuple[grpc.StatusCode, str]:  # noqa: ANN401 - a call, of any kind
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(raised.value)  # type: ignore[arg-type] # typed for the synchronous API
    assert status is not None
    status.details[0].Unpack(info)
    return raised.value.code(), info.reason


CRM = ("crm.internal", Role.SUBSCRIBER, {"news", "shop"})


@pytest.mark.parametrize(
    ("common_name", "names", "caller"),
    [
        ("crm.internal", (), "crm.internal ['news', 'shop']"),
        ("anything", ("crm.internal",), "crm.internal ['news', 'shop']"),
        ("anything", ("other.internal", "crm.internal"), "crm.internal ['news', 'shop']"),
        ("anything", ("spiffe://mail/shop",), "spiffe://mail/shop []"),
    ],
)
async def test_a_name_of_the_certificate_says_who_calls(
    certificates: Certificates, common_name: str, names: tuple[str, ...], caller: str
) -> None:
    """One of its alternative names, or the common name where it has none."""
    client_roles = roles(CRM, ("spiffe://mail/shop", Role.ADMIN, set()))
    async with (
        served(certificates, client_roles) as address,
        connected(certificates, address, common_name, *names) as channel,
    ):
        assert await caller_at(channel) == caller
        stream = pb_grpc.PixelServiceStub(channel).StreamOpens(pb.StreamOpensRequest())
        first = await stream.read()
        assert isinstance(first, pb.StreamOpensResponse)
        assert first.started.start_cursor == caller.split(maxsplit=1)[0]


@pytest.mark.parametrize(
    ("common_name", "names"),
    [
        ("somebody", ()),
        # Whoever signs certificates checks the alternative names: the other is for people.
        ("crm.internal", ("somebody.internal",)),
        ("*", ()),
        ("CRM.internal", ()),
    ],
)
async def test_a_name_that_nobody_has_is_refused(
    certificates: Certificates, common_name: str, names: tuple[str, ...]
) -> None:
    """In calls, streams and reflection, before a request is decoded; health stays open."""
    async with (
        served(certificates, roles(CRM)) as address,
        connected(certificates, address, common_name, *names) as channel,
    ):
        for method in ("ListOpens", "AcknowledgeOpens"):
            call: Any = channel.unary_unary(f"/{NAME}/{method}")
            assert await refusal_of(call(NO_MESSAGE)) == (
                grpc.StatusCode.UNAUTHENTICATED,
                "CERTIFICATE_UNKNOWN",
            )
        stream = pb_grpc.PixelServiceStub(channel).StreamOpens(pb.StreamOpensRequest())
        assert (await refusal_of(stream.read()))[1] == "CERTIFICATE_UNKNOWN"
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type] # typed for the synchronous API
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        assert (await refusal_of(stub.ServerReflectionInfo(iter([request])).read()))[1] == (
            "CERTIFICATE_UNKNOWN"
        )
        health: Any = health_pb2_grpc.HealthStub(channel)
        await health.Check(health_pb2.HealthCheckRequest(), timeout=30)


async def test_role_says_which_calls(certificates: Certificates) -> None:
    """As with a key; reflection is for every role."""
    async with (
        served(certificates, roles(("crm", Role.SENDER, set()))) as address,
        connected(certificates, address) as channel,
    ):
        assert await refusal_of(caller_at(channel)) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "ROLE_NOT_ALLOWED",
        )
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type] # typed for the synchronous API
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = await stub.ServerReflectionInfo(iter([request])).read()
        assert NAME in {each.name for each in answer.list_services_response.service}


async def test_star_is_every_other_name(certificates: Certificates) -> None:
    """Who is listed has the role of the list; the log knows the others by their own names."""
    client_roles = roles(("*", Role.ADMIN, set()), CRM)
    async with served(certificates, client_roles) as address:
        async with connected(certificates, address, "x", "x.internal", "crm.internal") as channel:
            assert await caller_at(channel) == "crm.internal ['news', 'shop']"
        async with connected(certificates, address, "x", "x.internal") as channel:
            assert await caller_at(channel) == "x.internal []"


async def test_a_key_says_more_than_a_certificate(
    certificates: Certificates, tmp_path: Path
) -> None:
    """Who shows both is the key's caller; a wrong key is refused, whoever's certificate it is."""
    key_id, text = a_key(tmp_path / "keys", Role.SUBSCRIBER)
    async with (
        served(certificates, roles(CRM), tmp_path / "keys") as address,
        connected(certificates, address, "crm.internal") as channel,
    ):
        assert await caller_at(channel, metadata=bearer(text)) == f"{key_id} []"
        assert await caller_at(channel) == "crm.internal ['news', 'shop']"
        wrong = caller_at(channel, metadata=bearer(f"{text}x"))
        assert (await refusal_of(wrong))[1] == "API_KEY_INVALID"


def parsed(*arguments: str) -> Protection | str:
    """Return what the options of `serve` mean, or what is wrong with them."""
    found: list[Protection] = []

    @click.command()
    @protection_options(options_of("TEST"), serves_pixels=True)
    def command(protection: Protection) -> None:
        found.append(protection)

    result = CliRunner().invoke(command, arguments)
    return found[0] if found else result.output.splitlines()[-1]


def test_name_that_is_listed_is_found_beside_any_other() -> None:
    """A certificate's own "*" is a name like others, and not the one that stands for all."""
    admission = Admission(client_roles=roles(CRM, ("*", Role.SENDER, set())))
    caller = admission.caller_named(f"{NAME}/StreamOpens", [b"*", b"crm.internal"])

    assert caller.name == "crm.internal"


@pytest.mark.parametrize("names", [[], None])
def test_certificate_without_a_name_is_nobodys(names: list[bytes] | None) -> None:
    """Not even where every other name is somebody's."""
    admission = Admission(client_roles=roles(("*", Role.SUBSCRIBER, set())))

    with pytest.raises(CertificateUnknown):
        admission.caller_named(f"{NAME}/StreamOpens", names)


MUTUAL = ("--tls-certificate=c", "--tls-key=k", "--tls-client-ca=ca")


def test_roles_are_given_by_options() -> None:
    """By name, role and configurations; a URI is a name, too."""
    protection = parsed(
        *MUTUAL,
        "--tls-client-role=crm.internal=subscriber:news,shop",
        "--tls-client-role=spiffe://mail:8443/a=b=admin",
        "--tls-client-role=*=sender",
    )

    assert isinstance(protection, Protection)
    assert protection.client_roles == roles(
        CRM, ("spiffe://mail:8443/a=b", Role.ADMIN, set()), ("*", Role.SENDER, set())
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tls-certificate=c",), "--tls-certificate and --tls-key belong together"),
        (("--http-tls-key=k",), "--http-tls-certificate and --http-tls-key belong together"),
        (("--admin-tls-client-ca=c",), "--admin-tls-client-ca needs --admin-tls-certificate"),
        (("--tls-client-role=a=admin",), "--tls-client-role needs --tls-client-ca"),
        ((*MUTUAL, "--tls-client-role=admin"), "is not NAME=ROLE"),
        ((*MUTUAL, "--tls-client-role==admin"), "is not NAME=ROLE"),
        ((*MUTUAL, "--tls-client-role=a=king"), "sender, subscriber, operator, admin"),
        ((*MUTUAL, "--tls-client-role=a=admin:news"), "the role admin is not limited"),
        ((*MUTUAL, *["--tls-client-role=a=admin"] * 2), "'a' is listed twice"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: tuple[str, ...], said: str) -> None:
    """With a sentence that says what does."""
    found = parsed(*arguments)

    assert isinstance(found, str)
    assert said in found
