"""An endpoint's judge follows the files of address ranges while it runs."""

import datetime as dt
from pathlib import Path

import pytest
import structlog

from pixel_service.evidence import AddressSet, Agent, Fetch, Judge, load_ranges, store_ranges
from pixel_service.live_judge import LiveJudge
from pixel_service.settings import Settings
from tests.pixel.evidence.test_ranges import set_of

NOW = dt.datetime.now(dt.UTC)
UNKNOWN = "Mozilla/5.0 (Linux; Android 5.1; wv)"


def a_live_judge(data: Path) -> LiveJudge:
    settings = Settings(data=data)
    return LiveJudge(settings.judge_loader, settings.ranges_folder)


def store(data: Path, text: str, *, now: dt.datetime = NOW) -> None:
    store_ranges(data / "ranges", "mail-scanners", set_of(text), origin="a test", now=now)


def agent_at(judge: Judge, address: str) -> Agent:
    fetch = Fetch(
        ip_address=address, user_agent=UNKNOWN, headers={}, open_time=NOW, acceptance_time=None
    )
    return judge.judge(fetch).agent


async def look_twice(live: LiveJudge) -> None:
    """Look at the files as often as it takes to see that nobody is writing them."""
    await live.look()
    await live.look()


async def test_new_ranges_are_taken_up(tmp_path: Path) -> None:
    """A file that comes while the process runs decides from then on."""
    live = a_live_judge(tmp_path)
    given: list[Judge] = []
    live.on_change = given.append
    before = agent_at(live.current, "192.0.2.1")
    store(tmp_path, "192.0.2.0/24")
    await look_twice(live)

    assert (before, agent_at(live.current, "192.0.2.1")) == (Agent.UNKNOWN, Agent.SCANNER)
    assert given == [live.current]


async def test_ranges_that_are_removed_give_way_to_the_built_in_ones(tmp_path: Path) -> None:
    """An operator takes a mistake back by removing the file."""
    store(tmp_path, "192.0.2.0/24")
    live = a_live_judge(tmp_path)
    (tmp_path / "ranges/mail-scanners.txt").unlink()
    await look_twice(live)

    assert agent_at(live.current, "192.0.2.1") is Agent.UNKNOWN
    assert agent_at(live.current, "64.235.144.1") is Agent.SCANNER


async def test_a_file_that_is_still_being_copied_is_left_alone(tmp_path: Path) -> None:
    """What has changed since the last look is not read before the next."""
    live = a_live_judge(tmp_path)
    store(tmp_path, "192.0.2.0/24")
    await live.look()
    once = agent_at(live.current, "192.0.2.1")
    store(tmp_path, "192.0.2.0/24\n198.51.100.0/24")
    await live.look()
    twice = agent_at(live.current, "192.0.2.1")
    await live.look()

    assert (once, twice) == (Agent.UNKNOWN, Agent.UNKNOWN)
    assert agent_at(live.current, "198.51.100.1") is Agent.SCANNER


async def test_a_file_that_cannot_be_used_leaves_the_ranges_from_before(tmp_path: Path) -> None:
    """It is told once and counted, and a good one is taken up after it."""
    store(tmp_path, "192.0.2.0/24")
    live = a_live_judge(tmp_path)
    (tmp_path / "ranges/mail-scanners.txt").write_text("<html>")
    with structlog.testing.capture_logs() as logs:
        for _ in range(4):
            await live.look()

    assert [each["event"] for each in logs] == [
        "address ranges cannot be used, those from before stay"
    ]
    assert "address ranges mail-scanners: line 1" in logs[0]["reason"]
    assert live.health.refusals == 1
    assert agent_at(live.current, "192.0.2.1") is Agent.SCANNER
    store(tmp_path, "198.51.100.0/24")
    await look_twice(live)
    assert agent_at(live.current, "198.51.100.1") is Agent.SCANNER


async def test_a_folder_that_cannot_be_read_leaves_the_ranges_from_before(tmp_path: Path) -> None:
    """It is one error line and a count, and neither an empty list nor the end."""
    store(tmp_path, "192.0.2.0/24")
    live = a_live_judge(tmp_path)
    folder = tmp_path / "ranges"
    folder.rename(tmp_path / "elsewhere")
    # What no user can list, not even root.
    folder.write_bytes(b"")
    with structlog.testing.capture_logs() as logs:
        await look_twice(live)
        await look_twice(live)

    assert agent_at(live.current, "192.0.2.1") is Agent.SCANNER
    assert [each["reason"] for each in logs] == [f"{folder}: Not a directory"]
    assert live.health.refusals == 1


async def test_ranges_of_a_rule_that_are_gone_leave_those_from_before(tmp_path: Path) -> None:
    """A rule of the operator's own is not left without what it looks into."""
    (tmp_path / "ranges").mkdir()
    (tmp_path / "ranges/office.txt").write_text("192.0.2.0/24\n")
    rules = tmp_path / "rules.toml"
    rules.write_text(
        'version = "1"\n[[rules]]\nname = "office"\nagent = "SCANNER"\nconfidence = "HIGH"\n'
        'seen = "our office"\nsource = "ourselves, of course"\nmatch.address_in = "office"\n'
    )
    settings = Settings(data=tmp_path, evidence_rules=rules)
    live = LiveJudge(settings.judge_loader, settings.ranges_folder)
    (tmp_path / "ranges/office.txt").unlink()
    # Rules are not read again: a change waits for a start, which says what is wrong with it.
    rules.write_text("nonsense")
    await look_twice(live)

    assert agent_at(live.current, "192.0.2.1") is Agent.SCANNER
    assert live.health.refusals == 1


async def test_equal_ranges_keep_the_judge_and_are_younger(tmp_path: Path) -> None:
    """What a judge remembers is worth keeping when a daily list has not changed."""
    store(tmp_path, "192.0.2.0/24", now=NOW - dt.timedelta(days=3))
    live = a_live_judge(tmp_path)
    judge, before = live.current, live.health.ages["mail-scanners"]
    store(tmp_path, "192.0.2.0/24")
    await look_twice(live)

    assert live.current is judge
    assert before - live.health.ages["mail-scanners"] == pytest.approx(3 * 86_400, abs=3_600)


def test_every_range_has_an_age(tmp_path: Path) -> None:
    """Also those that are built in, which age as well."""
    ages = a_live_judge(tmp_path).health.ages

    assert set(ages) == set(load_ranges(None))
    assert all(isinstance(each.addresses, AddressSet) for each in load_ranges(None).values())
    assert min(ages.values()) > 0
