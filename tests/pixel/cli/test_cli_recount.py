"""Whoever counts the opens of an export comes to the numbers of `pixel-service statistics`."""

import collections
import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from google.protobuf import json_format

from emailopens.notification.v1 import open_notification_pb2 as pb
from tests.browser.page_opens import opens
from tests.pixel.cli.running import run_well
from tests.pixel.open_log.log_values import LogHome
from tests.pixel.open_log.statistics_values import count_all
from tests.pixel.service_values import streaming

Numbers: TypeAlias = dict[str, "collections.Counter[str]"]

CONFIGURATIONS: Final = ["bills", "news", "offers"]

PERSONS: Final = {pb.AGENT_PERSON, pb.AGENT_IMAGE_PROXY}
AUTOMATION: Final = {pb.AGENT_SCANNER, pb.AGENT_OTHER_AUTOMATION}
MACHINES: Final = AUTOMATION | {pb.AGENT_PRIVACY_PREFETCH}
SURE: Final = {pb.CONFIDENCE_MEDIUM, pb.CONFIDENCE_HIGH}

# What an analyst tells opens apart by, as `--by` calls it.
DIMENSIONS: Final[Mapping[str, Callable[[pb.OpenNotification], str]]] = {
    "configuration": lambda each: each.configuration_id,
    "tag": lambda each: f"campaign={each.mail.tags['campaign'][0]}",
    "agent": lambda each: pb.Agent.Name(each.open.evidence.agent),
}


def recount(exported: Iterable[pb.OpenNotification], dimension: str) -> Numbers:
    """Count opens, and the messages that were opened, from the definitions alone."""
    numbers: Numbers = collections.defaultdict(collections.Counter)
    seen = set()
    for each in exported:
        evidence = each.open.evidence
        counts = numbers[DIMENSIONS[dimension](each)]
        counts["opens"] += 1
        counts["personOpens"] += evidence.agent in PERSONS
        counts["machineOpens"] += evidence.agent in MACHINES
        is_sure = evidence.confidence in SURE
        bounds = {
            "messagesOpenedAtLeast": evidence.agent in PERSONS and is_sure,
            "messagesOpenedAtMost": not (evidence.agent in AUTOMATION and is_sure),
        }
        for name, holds in bounds.items():
            one = (name, each.mail.message_id, each.configuration_id)
            counts[name] += holds and one not in seen
            if holds:
                seen.add(one)
    return numbers


async def test_statistics_are_what_an_export_adds_up_to(log_home: LogHome) -> None:
    """Two machines record and count in turns; however they do, nothing is missing or double."""
    records = list(opens(900, CONFIGURATIONS, days=5, now=dt.datetime.now(dt.UTC)))
    async with log_home.connect_twice() as (log, other), streaming(log) as service:
        for first in range(0, len(records), 90):
            await (other if first // 90 % 2 else log).append(records[first : first + 90])
            await (log if first // 90 % 3 else other).statistics.count_step(max_entries=50)
        await count_all(log, other)
        target = f"--target={service.address}"
        lines = await run_well("opens", "export", "--format=jsonl", target)
        exported = [json_format.Parse(line, pb.OpenNotification()) for line in lines.splitlines()]
        assert len(exported) == len(records)
        for dimension in DIMENSIONS:
            said = await run_well("statistics", f"--by={dimension}", "--format=json", target)
            rows = [json.loads(line) for line in said.splitlines()]
            expected = recount(exported, dimension)
            assert {row["value"] for row in rows} == set(expected)
            for row in rows:
                counts = expected[row["value"]]
                assert {name: row[name] for name in counts} == dict(counts)
