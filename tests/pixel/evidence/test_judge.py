"""A judge answers whatever comes, with bounded memory, and repeats nothing personal."""

import datetime as dt
import string
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
from hypothesis import strategies as st

from pixel_service.evidence import (
    MAX_USER_AGENT_CHARACTERS,
    Evidence,
    Fetch,
    Judge,
    NetworkDatabases,
    clean_user_agent,
    load_judge,
)
from pixel_service.evidence.judge import (
    MAX_ADDRESSES,
    MAX_HEADERS,
    MAX_JUDGEMENTS,
    MAX_USER_AGENTS,
)

OPEN_TIME = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
ANY_TEXT = st.text(st.characters(), max_size=600)
ADDRESSES = st.ip_addresses().map(str)


def fetch(
    user_agent: str | None = None,
    ip_address: str | None = None,
    headers: dict[str, str] | None = None,
    seconds: float | None = None,
) -> Fetch:
    return Fetch(
        ip_address=ip_address,
        user_agent=user_agent,
        headers=headers or {},
        open_time=OPEN_TIME,
        acceptance_time=None if seconds is None else OPEN_TIME - dt.timedelta(seconds=seconds),
    )


@hypothesis.given(
    user_agent=st.none() | ANY_TEXT,
    ip_address=st.none() | ANY_TEXT | ADDRESSES,
    headers=st.dictionaries(
        st.sampled_from(["purpose", "sec-purpose", "x-moz", "x-purpose", "other"]), ANY_TEXT
    ),
    seconds=st.none() | st.floats(-1e8, 1e8),
)
def test_judge_never_raises(
    judge: Judge,
    user_agent: str | None,
    ip_address: str | None,
    headers: dict[str, str],
    seconds: float | None,
) -> None:
    """Any text in any place gives evidence that protobuf can hold."""
    evidence = judge.judge(fetch(user_agent, ip_address, headers, seconds))

    for text in texts_of(evidence):
        text.encode("utf-8")


@hypothesis.given(user_agent=ANY_TEXT)
@hypothesis.example(user_agent="Mozilla/5.0 \udcff")
@hypothesis.example(user_agent="\ud83d\ude00" * 512)
def test_a_clean_user_agent_can_be_sent(user_agent: str) -> None:
    """Octets that are no UTF-8 reach us as lone surrogates and must not reach protobuf."""
    cleaned = clean_user_agent(user_agent)

    cleaned.encode("utf-8")
    assert len(cleaned) <= MAX_USER_AGENT_CHARACTERS
    assert cleaned == clean_user_agent(cleaned)
    if user_agent.isascii():
        assert cleaned == user_agent[:MAX_USER_AGENT_CHARACTERS]


def texts_of(evidence: Evidence) -> list[str]:
    texts = [evidence.ruleset_version]
    for signal in evidence.signals:
        texts += [signal.name, signal.seen, signal.source]
    if evidence.client is not None:
        texts += [
            evidence.client.name,
            evidence.client.operating_system,
            evidence.client.device,
        ]
    return texts


@hypothesis.given(
    secret=st.text(string.ascii_letters, min_size=12, max_size=20),
    address=ADDRESSES,
    seconds=st.floats(0, 1e6),
)
def test_signals_hold_nothing_of_the_fetch(
    judge: Judge, secret: str, address: str, seconds: float
) -> None:
    """What was seen is told in a rule's words, never in those of the fetch."""
    user_agent = f"Mozilla/5.0 ({secret}) Chrome/1.0 {secret}bot/1 Microsoft Outlook {secret}"
    evidence = judge.judge(
        fetch(user_agent, address, {"purpose": f"prefetch {secret}"}, seconds=seconds)
    )
    told = {text for signal in evidence.signals for text in (signal.name, signal.seen)}

    assert evidence.signals
    assert not any(secret in text for text in told)
    assert told == {
        text
        for rule in judge.ruleset.rules
        if rule.signal in evidence.signals
        for text in (rule.signal.name, rule.signal.seen)
    }


def test_memory_is_bounded(judge: Judge) -> None:
    """Endlessly new user agents, addresses and header fields displace old ones."""
    for number in range(MAX_ADDRESSES + 10):
        judge.judge(fetch(f"agent {number}", f"10.{number >> 8}.{number & 255}.1"))
    for number in range(MAX_HEADERS + 10):
        judge.judge(fetch("agent", None, {"purpose": f"{number}"}))

    sizes = {
        cache.cache_info().currsize
        for cache in (judge._of_user_agent, judge._of_address, judge._of_headers)  # noqa: SLF001 - what is bounded is inside
    }
    assert sizes == {MAX_USER_AGENTS, MAX_ADDRESSES, MAX_HEADERS}
    assert judge._weigh.cache_info().currsize <= MAX_JUDGEMENTS  # noqa: SLF001 - likewise


def test_what_is_remembered_changes_nothing(judge: Judge) -> None:
    """The time since acceptance counts anew for a user agent and address seen before."""
    first = judge.judge(fetch("Mozilla/5.0 (X) Chrome/1.0", "203.0.113.1", seconds=1))
    second = judge.judge(fetch("Mozilla/5.0 (X) Chrome/1.0", "203.0.113.1", seconds=400))

    assert first.agent != second.agent
    assert second.since_acceptance == dt.timedelta(seconds=400)


def test_threads_share_a_judge(judge: Judge, databases: NetworkDatabases) -> None:
    """Several threads get what one gets."""
    fetches = [
        fetch(f"Mozilla/5.0 (X{number % 50}) Chrome/1.0", f"203.0.113.{number % 200}", seconds=60)
        for number in range(2_000)
    ]
    fresh = load_judge(networks=databases)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(fresh.judge, fetches))

    assert results == [judge.judge(each) for each in fetches]


def test_version_changes_with_rules_and_ranges() -> None:
    """A consumer can tell which rules and ranges judged."""
    version = load_judge().ruleset.version

    assert version == load_judge().ruleset.version
    assert version.startswith("2026.3+")


WATCHED = """
import datetime as dt, pathlib, sys, tomllib
from pixel_service.evidence import Fetch, NetworkDatabases, load_judge

table, systems, countries = map(pathlib.Path, sys.argv[1:])
judge = load_judge(
    networks=NetworkDatabases(autonomous_systems=systems, countries=countries)
)
asked = []
sys.addaudithook(lambda event, _: asked.append(event) if event.startswith("socket.") else None)
now = dt.datetime.now(dt.UTC)
for row in tomllib.loads(table.read_text("utf-8"))["fetches"]:
    judge.judge(
        Fetch(
            ip_address=row["ip"],
            user_agent=row["user_agent"],
            headers=row.get("headers", {}),
            open_time=now,
            acceptance_time=now,
        )
    )
print(asked)
"""


def test_judging_asks_neither_network_nor_dns(databases: NetworkDatabases) -> None:
    """No fetch of the table makes a judge open a socket or resolve a name."""
    table = Path(__file__).with_name("fetches.toml")
    files = [str(table), str(databases.autonomous_systems), str(databases.countries)]
    watched = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", WATCHED, *files], capture_output=True, text=True, check=True
    )

    assert watched.stdout == "[]\n"
