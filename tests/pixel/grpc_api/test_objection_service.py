"""ObjectionService over the wire: what it keeps, and what it refuses."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from emailopens.pixel.v1 import objection_service_pb2 as pb
from emailopens.pixel.v1 import objection_service_pb2_grpc as pb_grpc
from tests.pixel.service_values import a_log, streaming


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator["pb_grpc.ObjectionServiceAsyncStub"]:
    async with (
        a_log(tmp_path) as log,
        streaming(log) as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        yield pb_grpc.ObjectionServiceStub(channel)


async def test_objection_is_found_by_whoever_knows_of_whom_it_is(
    service: "pb_grpc.ObjectionServiceAsyncStub",
) -> None:
    """By address in any case, or by its ID; and nobody can read an address of it."""
    made = await service.CreateObjection(pb.CreateObjectionRequest(recipient="ann@example.com"))
    again = await service.CreateObjection(pb.CreateObjectionRequest(recipient="Ann@Example.COM"))
    assert again == made
    for request in (
        pb.GetObjectionRequest(recipient="Ann <ann@example.com>"),
        pb.GetObjectionRequest(objection_id=made.objection.id),
    ):
        assert (await service.GetObjection(request)).objection == made.objection
    assert "ann" not in str(made)


async def test_objections_are_listed_and_withdrawn(
    service: "pb_grpc.ObjectionServiceAsyncStub",
) -> None:
    """A page at a time; what is withdrawn is not there any more."""
    made = {
        (
            await service.CreateObjection(pb.CreateObjectionRequest(message_id=f"m{number}"))
        ).objection.id
        for number in range(3)
    }
    first = await service.ListObjections(pb.ListObjectionsRequest(page_size=2))
    rest = await service.ListObjections(
        pb.ListObjectionsRequest(page_size=2, page_token=first.next_page_token)
    )
    assert {each.id for each in (*first.objections, *rest.objections)} == made
    assert rest.next_page_token == ""
    await service.DeleteObjection(pb.DeleteObjectionRequest(message_id="m1"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.GetObjection(pb.GetObjectionRequest(message_id="m1"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_digests_tell_who_has_objected(
    service: "pb_grpc.ObjectionServiceAsyncStub",
) -> None:
    """By the contract's comments alone; objections to messages are not among them."""
    for request in (
        pb.CreateObjectionRequest(recipient='Ann <"ann"@XN--BCHER-KVA.de>'),
        pb.CreateObjectionRequest(message_id="m1"),
    ):
        await service.CreateObjection(request)
    listed = await service.ListObjectionDigests(pb.ListObjectionDigestsRequest())
    again = await service.ListObjectionDigests(
        pb.ListObjectionDigestsRequest(unless_change=listed.change)
    )

    expected = hashlib.blake2b(
        "ann@b\u00fccher.de".encode(), key=listed.key, person=b"recipient", digest_size=16
    )
    assert listed.digests == expected.digest()
    assert again == pb.ListObjectionDigestsResponse(change=listed.change, is_unchanged=True)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.CreateObjectionRequest(), "subject"),
        (pb.CreateObjectionRequest(recipient="nobody"), "recipient"),
        (pb.CreateObjectionRequest(recipient="x" * 2_000 + "@example.com"), "recipient"),
        (pb.CreateObjectionRequest(message_id="<m@example.com>"), "message_id"),
        (pb.DeleteObjectionRequest(objection_id="ab"), "objection_id"),
        (pb.DeleteObjectionRequest(objection_id="x" * 32), "objection_id"),
        (pb.GetObjectionRequest(objection_id=""), "objection_id"),
        (pb.ListObjectionsRequest(page_token="?"), "page_token"),  # noqa: S106 - of a list
    ],
)
async def test_wrong_requests_are_refused_by_field(
    service: "pb_grpc.ObjectionServiceAsyncStub", request_: object, field: str
) -> None:
    """With the name of what is wrong, and without what it holds."""
    method = type(request_).__name__.removesuffix("Request")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(service, method)(request_)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field in (caught.value.details() or "")
    assert "nobody" not in (caught.value.details() or "")
