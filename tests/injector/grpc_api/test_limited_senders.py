"""A sender's key that is limited to configurations rewrites for those alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import injector_service_pb2 as pb
from injector_service.settings import Settings
from service_runtime.callers import Role
from tests.fixtures.api_keys import Metadata, a_key, bearer
from tests.injector.running_service import Service, refused, running_service

RAW = b"From: %s\r\nTo: ann@example.org\r\n%sContent-Type: text/html\r\n\r\n<p>Hello\r\n"


def message(sender: str = "news@example.com", field: str = "") -> bytes:
    return RAW % (sender.encode(), f"{field}\r\n".encode() if field else b"")


@pytest.fixture
def limited(tmp_path: Path) -> Metadata:
    """Return the metadata of a key for `news`."""
    return bearer(a_key(tmp_path / "keys", Role.SENDER, "news")[1])


@pytest.fixture
async def service(tmp_path: Path, limited: Metadata) -> AsyncIterator[Service]:
    """Run the service with keys, and two configurations that are bound to senders."""
    assert limited
    file = tmp_path / "keys"
    admin = bearer(a_key(file, Role.ADMIN)[1])
    settings = Settings(grpc="127.0.0.1:0", data=tmp_path, api_keys=file)
    async with running_service(settings) as running:
        for name in ("news", "shop"):
            await running.configurations.CreateConfiguration(
                configuration_pb.CreateConfigurationRequest(
                    configuration=configuration_pb.Configuration(
                        id=name,
                        open_notifications_enabled=True,
                        senders=[f"{name}@example.com"],
                    )
                ),
                metadata=admin,
            )
        yield running


async def rewritten(
    service: Service, metadata: Metadata, raw: bytes, *configuration_ids: str
) -> pb.RewriteMessageResponse:
    request = pb.RewriteMessageRequest(raw_message=raw, configuration_ids=configuration_ids)
    return await service.injector.RewriteMessage(request, metadata=metadata)


async def test_its_own_configuration_is_used(service: Service, limited: Metadata) -> None:
    """Whether the request names it, the sender or the header."""
    for raw, *configuration_ids in (
        (message(), "news"),
        (message(),),
        (message("x@example.net", "X-Configuration-Id: news"),),
    ):
        response = await rewritten(service, limited, raw, *configuration_ids)

        assert response.outcome == pb.RewriteMessageResponse.OUTCOME_TRACKED
        assert response.configuration_ids == ["news"]


async def test_anothers_is_refused_whether_it_exists_or_not(
    service: Service, limited: Metadata
) -> None:
    """A sender learns that it may not use a configuration, and not whether there is one."""
    for refused_id, raw, *configuration_ids in (
        ("shop", message(), "shop"),
        ("shop", message(), "news", "shop"),
        ("nowhere", message(), "nowhere"),
        ("shop", message("x@example.net", "X-Configuration-Id: shop")),
        ("nowhere", message("x@example.net", "X-Ses-Configuration-Set: nowhere")),
    ):
        with refused() as refusal:
            await rewritten(service, limited, raw, *configuration_ids)

        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
        assert refusal.reason == "CONFIGURATION_NOT_ALLOWED"
        assert refusal.metadata == {"configuration_id": refused_id}


async def test_a_sender_bound_to_anothers_is_as_if_not_bound(
    service: Service, limited: Metadata
) -> None:
    """What others have bound is not told."""
    with refused() as refusal:
        await rewritten(service, limited, message("shop@example.com"))

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == ["configuration_ids"]


@pytest.mark.parametrize("field", ["configuration_ids", "default_configuration_ids"])
async def test_copies_are_made_by_its_own_configuration_alone(
    service: Service, limited: Metadata, field: str
) -> None:
    """Whether the request names another's configuration, or falls back to it."""
    raw = message(sender="else@example.net")

    def request(configuration_id: str) -> pb.RewriteForRecipientsRequest:
        made = pb.RewriteForRecipientsRequest(raw_message=raw)
        made.recipients.add(address="ann@example.org")
        getattr(made, field).append(configuration_id)
        return made

    response = await service.injector.RewriteForRecipients(request("news"), metadata=limited)
    with refused() as refusal:
        await service.injector.RewriteForRecipients(request("shop"), metadata=limited)

    assert list(response.configuration_ids) == ["news"]
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
    assert refusal.reason == "CONFIGURATION_NOT_ALLOWED"
