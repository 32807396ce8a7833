"""From a fetch to what is kept: by privacy level, and for what is no open at all."""

import dataclasses
from collections.abc import Callable

import pytest

from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as token_pb
from pixel_service.evidence import load_judge
from pixel_service.intake import Intake, PixelFetch, RecentFetches, TokenOpener, TokenReader
from pixel_service.open_log import message_key
from pixel_service.privacy import PrivacyLevel, decode_open
from service_runtime.key_ring import generate_key_ring
from tests.pixel.service_values import a_token, seal

RING = generate_key_ring()
JUDGE = load_judge()


@dataclasses.dataclass(slots=True)
class Kept:
    """A journal in memory."""

    payloads: list[bytes] = dataclasses.field(default_factory=list)
    syncs: int = 0

    def append_for(self, payload: bytes | None, done: Callable[[], None]) -> None:
        if payload is not None:
            self.payloads.append(payload)
        self.syncs += 1
        done()


def an_intake(journal: Kept, *, recent: RecentFetches | None = None) -> Intake:
    return Intake(
        tokens=TokenReader(TokenOpener(RING)),
        judge=JUDGE,
        journal=journal,
        recent=recent or RecentFetches.new(),
    )


def a_fetch(token: str, *, ip_address: str | None = "192.0.2.77") -> PixelFetch:
    return PixelFetch(
        token=token,
        ip_address=ip_address,
        user_agent="Telltale-Agent/1",
        purposes={},
        open_us=1_772_366_400_000_000,
    )


def take(intake: Intake, fetch: PixelFetch) -> None:
    """Have *fetch* taken by an intake whose journal keeps it at once."""
    done: list[None] = []
    intake.take(fetch, lambda: done.append(None))
    assert len(done) == 1


def sealed(level: PrivacyLevel) -> str:
    token = a_token("message-1", to="reader@example.org")
    token.privacy_level = privacy_level_pb2.PrivacyLevel.ValueType(level.value)
    return seal(token, RING)


@pytest.mark.parametrize("level", sorted(set(PrivacyLevel) - {PrivacyLevel.OFF}))
def test_what_is_written_is_what_the_level_keeps(level: PrivacyLevel) -> None:
    """Nothing that a level discards is in the octets that are written, in whatever form."""
    journal = Kept()
    take(an_intake(journal), a_fetch(sealed(level)))
    (octets,) = journal.payloads
    kept = decode_open(octets)
    message = token_pb.PixelToken.FromString(kept.message)

    discarded: list[bytes] = []
    if level > PrivacyLevel.FULL:
        discarded += [b"192.0.2.77", b"Telltale-Agent"]
    if level > PrivacyLevel.MASKED:
        discarded += [b"192.0.2.", b"reader@example.org", b"Hello", b"news@example.com"]
    if level > PrivacyLevel.PSEUDONYMOUS:
        discarded += [b"message-1"]
        assert kept.source_key == b""
    else:
        assert message.message_id == "message-1"
        assert len(kept.source_key) == 16
    assert [each for each in discarded if each in octets] == []
    assert message.configuration_ids == ["news"]


def test_sources_are_told_apart_by_keys_that_tell_nothing() -> None:
    """One address has one key as long as the secret lives, and another one afterwards."""
    journal = Kept()
    one_service, its_next_start = RecentFetches.new(), RecentFetches.new()
    for recent, address in (
        (one_service, "192.0.2.1"),
        (one_service, "192.0.2.1"),
        (one_service, "192.0.2.2"),
        (its_next_start, "192.0.2.1"),
    ):
        intake = an_intake(journal, recent=recent)
        take(intake, a_fetch(sealed(PrivacyLevel.MASKED), ip_address=address))
    first, again, other, later = (decode_open(each).source_key for each in journal.payloads)

    assert first == again
    assert len({first, other, later}) == 3


def test_fetch_from_nowhere_has_no_key() -> None:
    """Where the address is not known there is nothing to tell apart."""
    journal = Kept()
    take(an_intake(journal), a_fetch(sealed(PrivacyLevel.FULL), ip_address=None))

    assert decode_open(journal.payloads[0]).source_key == b""


@pytest.mark.parametrize("level", [PrivacyLevel.FULL, PrivacyLevel.ANONYMOUS])
def test_of_what_is_only_counted_the_count_is_written(level: PrivacyLevel) -> None:
    """Where nobody is notified, neither message nor fetch is written, whatever the level."""
    token = a_token("message-1", statistics_configuration_ids=["count"])
    token.ClearField("configuration_ids")
    token.privacy_level = privacy_level_pb2.PrivacyLevel.ValueType(level.value)
    journal = Kept()
    take(an_intake(journal), a_fetch(seal(token, RING)))
    (octets,) = journal.payloads
    kept = decode_open(octets)

    discarded = (b"message-1", b"reader@example.org", b"Hello", b"192.0.2.", b"Telltale-Agent")
    assert [each for each in discarded if each in octets] == []
    assert kept.message_key == (message_key("message-1") if level is PrivacyLevel.FULL else b"")
    assert token_pb.PixelToken.FromString(kept.message).statistics_configuration_ids == ["count"]
    assert kept.fetch.evidence.agent
    assert kept.fetch.evidence.signals == ()


@pytest.mark.parametrize("kind", ["forged", "nonsense", "off"])
def test_what_is_not_kept_waits_for_the_same_sync(kind: str) -> None:
    """A forged token and a message that keeps nothing append nothing, and wait all the same."""
    tokens = {
        "forged": seal(a_token(), generate_key_ring()),
        "nonsense": "nonsense",
        "off": sealed(PrivacyLevel.OFF),
    }
    journal = Kept()
    intake = an_intake(journal)
    take(intake, a_fetch(tokens[kind]))

    assert (journal.payloads, journal.syncs) == ([], 1)
    assert intake.counts.recorded == 0
    assert intake.counts.off + intake.counts.invalid == 1


@pytest.mark.parametrize("level", sorted(set(PrivacyLevel) - {PrivacyLevel.OFF}))
@pytest.mark.parametrize(("after_days", "is_recorded"), [(0, True), (29.9, True), (30, False)])
async def test_fetch_after_the_days_that_its_token_says_is_no_open(
    level: PrivacyLevel, after_days: float, *, is_recorded: bool
) -> None:
    """Opens of a message are recorded for so many days, whatever its level keeps of its time."""
    token = a_token("message-1", open_expiry_days=30)
    token.privacy_level = privacy_level_pb2.PrivacyLevel.ValueType(level.value)
    journal = Kept()
    intake = an_intake(journal)
    fetch = a_fetch(seal(token, RING))
    open_us = token.acceptance_time_us + int(after_days * 86_400_000_000)
    intake.take(fetch._replace(open_us=open_us), lambda: None)

    assert (len(journal.payloads), journal.syncs) == (is_recorded, 1)
    assert intake.counts.expired == (not is_recorded)


@pytest.mark.parametrize(
    ("level", "is_kept"), [(PrivacyLevel.MASKED, True), (PrivacyLevel.PSEUDONYMOUS, False)]
)
def test_recipients_filter_judges_and_is_kept_with_the_recipient(
    level: PrivacyLevel, *, is_kept: bool
) -> None:
    """An early fetch of somebody behind a filter is judged so, also where it is not kept."""
    token = a_token("message-1", to="reader@example.org")
    token.privacy_level = privacy_level_pb2.PrivacyLevel.ValueType(level.value)
    token.mail_provider = token_pb.MAIL_PROVIDER_PROOFPOINT
    journal = Kept()
    fetch = a_fetch(seal(token, RING))._replace(open_us=token.acceptance_time_us + 30_000_000)
    take(an_intake(journal), fetch)
    kept = decode_open(journal.payloads[0])
    signals = {signal.name for signal in kept.fetch.evidence.signals}

    assert "behind-filter-soon" in signals
    assert bool(token_pb.PixelToken.FromString(kept.message).mail_provider) is is_kept
