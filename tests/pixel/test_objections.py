"""Whoever objects is recorded no more, by a service that runs as it does for operators."""

from pathlib import Path

import grpc

from emailopens.pixel.v1 import objection_service_pb2 as pb
from emailopens.pixel.v1 import objection_service_pb2_grpc as pb_grpc
from tests.pixel.test_workers import Service


async def test_nothing_is_recorded_of_whoever_has_objected(tmp_path: Path) -> None:
    """From the answer to the objection until it is withdrawn; the pixel is served all the same."""
    service = Service(tmp_path, workers=1)
    async with service.running(), grpc.aio.insecure_channel(service.grpc) as channel:
        stub = pb_grpc.ObjectionServiceStub(channel)
        assert await service.fetch("before")
        await service.until_streamed(1)
        by_recipient = await stub.CreateObjection(
            pb.CreateObjectionRequest(recipient="Reader <READER@example.org>")
        )
        assert await service.fetch("objected")
        # Comes after it in the journal, so that both were looked at when it is there.
        assert await service.fetch("others", to="other@example.org")
        await service.until_streamed(2)

        await stub.DeleteObjection(
            pb.DeleteObjectionRequest(objection_id=by_recipient.objection.id)
        )
        by_message = await stub.CreateObjection(pb.CreateObjectionRequest(message_id="single"))
        assert await service.fetch("single")
        assert await service.fetch("after")
        found = await service.streamed(wanted=["after"])

    assert found == ["before", "others", "after"]
    assert by_recipient.objection.subject == pb.Objection.SUBJECT_RECIPIENT
    assert by_message.objection.subject == pb.Objection.SUBJECT_MESSAGE
