"""Rules that change are taken up for opens that are there, by a service that goes on running."""

from pathlib import Path

import grpc

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2, pixel_service_pb2_grpc
from tests.pixel.test_workers import Service

RULES = """
version = "{version}"
[[rules]]
name = "loopback"
agent = "{agent}"
confidence = "HIGH"
seen = "a program of ours"
source = "we wrote it"
match.user_agent_contains = ["aiohttp"]
"""


async def test_changed_rules_judge_what_was_recorded_before(tmp_path: Path) -> None:
    """As the file is when it is asked for; who lists the opens then gets the new judgement."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES.format(version="old", agent="PERSON"))
    folder = tmp_path / "data"
    folder.mkdir()
    service = Service(folder, workers=1)
    async with (
        service.running(f"--evidence-rules={rules}"),
        grpc.aio.insecure_channel(service.grpc) as channel,
    ):
        for number in range(3):
            assert await service.fetch(f"m{number}")
        await service.until_streamed(3)
        rules.write_text(RULES.format(version="new", agent="SCANNER"))
        operations = pb_grpc.OperationServiceStub(channel)
        *_, last = [
            each async for each in operations.RejudgeOpens(pb.RejudgeOpensRequest(apply=True))
        ]
        page = await pixel_service_pb2_grpc.PixelServiceStub(channel).ListOpens(
            pixel_service_pb2.ListOpensRequest()
        )

    (change,) = last.changes
    assert (change.opens, last.ruleset_version[:4]) == (3, "new+")
    evidences = [each.open.evidence for each in page.notifications]
    assert {each.agent for each in evidences} == {notification_pb.AGENT_SCANNER}
    assert {each.ruleset_version for each in evidences} == {last.ruleset_version}
