"""OperationService.RejudgeOpens does what the comments of `operation_service.proto` say."""

from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest

from emailopens.errors.v1 import error_reason_pb2
from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2
from pixel_service.evidence import Judge, load_judge
from pixel_service.open_log import OpenRecord
from pixel_service.privacy import decode_open
from pixel_service.recording.notifying import opens_of
from tests.pixel.grpc_api.rpc_values import info_of
from tests.pixel.open_log.log_values import new_open
from tests.pixel.recording.kept_values import kept
from tests.pixel.service_values import StreamService, a_log, streaming

# What `kept` says of Thunderbird, and what the rules do.
BEFORE = (notification_pb.AGENT_PERSON, notification_pb.CONFIDENCE_LOW)
AFTER = (notification_pb.AGENT_PERSON, notification_pb.CONFIDENCE_MEDIUM)


def judged_before(count: int) -> list[OpenRecord]:
    """Return opens of Thunderbird that other rules have judged."""
    return [open_ for number in range(count) for open_ in opens_of(decode_open(kept(f"m{number}")))]


async def rejudge(
    service: StreamService, *, apply: bool = False, after_cursor: str = ""
) -> Sequence[pb.RejudgeOpensResponse]:
    request = pb.RejudgeOpensRequest(apply=apply, after_cursor=after_cursor)
    return [response async for response in service.operations.RejudgeOpens(request)]


async def listed(service: StreamService) -> Sequence[notification_pb.OpenNotification]:
    request = pixel_service_pb2.ListOpensRequest(page_size=1_000)
    return (await service.pixel.ListOpens(request)).notifications


async def test_differences_are_shown_and_nothing_is_changed(service: StreamService) -> None:
    """How many opens had which judgement and have which now, with some to look at."""
    opens = judged_before(250)
    await service.log.append([*opens, new_open("counted:0", notified=False)])
    before = await listed(service)

    responses = await rejudge(service)

    *_, last = responses
    assert (last.examined_opens, last.rejudged_opens) == (251, 250)
    assert last.total_opens >= 251
    (change,) = last.changes
    assert (change.agent_before, change.confidence_before) == BEFORE
    assert (change.agent_after, change.confidence_after) == AFTER
    assert change.opens == 250
    assert list(change.example_event_ids) == [each.event_id for each in opens[:3]]
    assert last.ruleset_version == load_judge().ruleset.version
    assert not any(response.changes for response in responses[:-1])
    assert await listed(service) == before


async def test_judgements_are_written_once(service: StreamService) -> None:
    """Each open has its new evidence, all else as it was; a second call has nothing to do."""
    await service.log.append(judged_before(250))
    before = await listed(service)

    await rejudge(service, apply=True)
    *_, again = await rejudge(service, apply=True)

    after = await listed(service)
    assert (again.examined_opens, again.rejudged_opens, len(again.changes)) == (250, 0, 0)
    version = load_judge().ruleset.version
    for old, new in zip(before, after, strict=True):
        evidence = new.open.evidence
        assert (evidence.agent, evidence.confidence) == AFTER
        assert evidence.ruleset_version == version
        assert "mail-client" in {signal.name for signal in evidence.signals}
        # What is left is the same.
        for name in ("agent", "confidence", "signals", "ruleset_version", "client"):
            evidence.ClearField(name)
            old.open.evidence.ClearField(name)
        assert new == old


async def test_a_call_that_ended_early_is_continued(service: StreamService) -> None:
    """From its last cursor on; what it wrote stays."""
    await service.log.append(judged_before(350))
    call = service.operations.RejudgeOpens(pb.RejudgeOpensRequest(apply=True))
    async for response in call:
        if response.examined_opens:
            break
    call.cancel()

    *_, last = await rejudge(service, apply=True, after_cursor=response.cursor)

    assert last.examined_opens == 350 - response.examined_opens
    opens = await listed(service)
    assert {each.open.evidence.confidence for each in opens} == {AFTER[1]}


@pytest.mark.parametrize(
    ("cursor", "code", "reason"),
    [
        ("nonsense", grpc.StatusCode.INVALID_ARGUMENT, "CURSOR_MALFORMED"),
    ],
)
async def test_wrong_cursor_is_refused(
    service: StreamService, cursor: str, code: grpc.StatusCode, reason: str
) -> None:
    """A cursor that is none begins nothing."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rejudge(service, apply=True, after_cursor=cursor)

    assert info_of(caught.value)[:2] == (code, reason)


async def test_rules_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """An operator's mistake is one sentence, and no open is touched."""
    rules = tmp_path / "rules.toml"
    rules.write_text("version = 1")

    def judge_loader() -> Judge:
        return load_judge(rules=rules)

    async with (
        a_log(tmp_path) as log,
        streaming(log, judge_loader=judge_loader) as service,
    ):
        await log.append(judged_before(1))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rejudge(service, apply=True)
        assert (await listed(service))[0].open.evidence.ruleset_version == "7"

    code, reason, _ = info_of(caught.value)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert f"ERROR_REASON_{reason}" in error_reason_pb2.ErrorReason.keys()  # noqa: SIM118 - no mapping
    assert "version must be of type str" in (caught.value.details() or "")
