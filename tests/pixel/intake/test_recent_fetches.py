"""What fetches tell about one another is seen, in bounded memory, and soon forgotten."""

import multiprocessing
from collections.abc import Iterator, Sequence

import pytest

from pixel_service.evidence import MAX_MESSAGES_OF_ADDRESS, Agent, OtherFetches
from pixel_service.intake import RecentFetches
from pixel_service.open_log import message_key
from pixel_service.privacy import PrivacyLevel, decode_open
from service_runtime.message_ids import beginning_at
from tests.pixel.intake.test_intake import JUDGE, RING, Kept, a_fetch, an_intake, sealed, take
from tests.pixel.service_values import a_token, seal

SECOND_US = 1_000_000
NOW_US = 1_772_366_400 * SECOND_US
ADDRESS, NEIGHBOUR, ELSEWHERE = "192.0.2.77", "192.0.2.78", "2001:db8:1:2::3"


@pytest.fixture
def recent() -> RecentFetches:
    return RecentFetches.new()


def message(number: int) -> bytes:
    """Return the key of a message: all are of one hour, so their keys begin alike."""
    return message_key(f"{beginning_at(NOW_US)}{number:017}")


def note(
    recent: RecentFetches,
    number: int = 1,
    *,
    ip: str = ADDRESS,
    agent: str = "One/1",
    seconds: float = 0.0,
) -> OtherFetches:
    """Note a fetch of the message with this *number* so many *seconds* after the start."""
    open_us = NOW_US + int(seconds * SECOND_US)
    return recent.note(message(number), recent.keys_of(ip), agent, open_us)


def test_messages_of_an_address_within_a_second_are_counted(recent: RecentFetches) -> None:
    """Each message counts once, an address for itself, and a new second begins anew."""
    counts = [note(recent, number, seconds=0.1).messages_of_address for number in (1, 2, 1, 3, 2)]
    other = note(recent, 4, ip=NEIGHBOUR, seconds=0.2).messages_of_address
    later = note(recent, 5, seconds=1.2).messages_of_address

    assert counts == [1, 2, 2, 3, 3]
    assert other == 1
    assert later == 1


def test_count_of_messages_ends(recent: RecentFetches) -> None:
    """However many messages an address fetches, no more than the rules can ask are counted."""
    counts = [note(recent, number).messages_of_address for number in range(100)]

    assert max(counts) == counts[-1] == MAX_MESSAGES_OF_ADDRESS


@pytest.mark.parametrize(
    ("ip", "agent", "seconds", "is_second"),
    [
        (ELSEWHERE, "Two/2", 12.0, True),
        (ELSEWHERE, "Two/2", 14.9, True),
        (ELSEWHERE, "Two/2", 15.1, False),
        # The same client by another protocol, and another one behind the same router.
        (ELSEWHERE, "One/1", 1.0, False),
        (NEIGHBOUR, "Two/2", 1.0, False),
    ],
)
def test_second_network_is_another_client_from_elsewhere(
    recent: RecentFetches, ip: str, agent: str, seconds: float, *, is_second: bool
) -> None:
    """Another network with another user agent counts, at most 15 s after the first."""
    # In the middle of a span, and across its end.
    for offset in (0.0, 8.0):
        note(recent, int(offset), seconds=offset)
        found = note(recent, int(offset), ip=ip, agent=agent, seconds=offset + seconds)

        assert found.is_second_network is is_second


def test_another_message_is_not_touched(recent: RecentFetches) -> None:
    """What is seen of one message says nothing of others."""
    note(recent, 1)
    recent.note_scanner(message(1), NOW_US)
    found = note(recent, 2, ip=ELSEWHERE, agent="Two/2")

    assert found == OtherFetches(messages_of_address=1)


def test_scanned_message_is_known_for_hours(recent: RecentFetches) -> None:
    """A message that a scanner's network has fetched is known to be scanned, then forgotten."""
    recent.note_scanner(message(1), NOW_US)

    assert note(recent, seconds=6 * 3_600).is_scanned
    assert not note(recent, seconds=12 * 3_600).is_scanned


def spans(recent: RecentFetches, *, until: float) -> Iterator[float]:
    """Forget as the service does, until so many seconds have passed; yield the seconds."""
    seconds = 0.0
    while seconds < until:
        seconds += 7.5
        recent.forget_now(NOW_US + int(seconds * SECOND_US))
        yield seconds


def test_addresses_are_gone_after_45_seconds(recent: RecentFetches) -> None:
    """Nothing that was made of an address or a user agent is in memory any more."""
    memory = recent._memory.octets  # noqa: SLF001 - what must be gone is inside
    recent.forget_now(NOW_US)
    note(recent)
    assert memory.find(recent.keys_of(ADDRESS).network) >= 0
    for _ in spans(recent, until=45.0):
        pass

    assert memory[:].strip(b"\0") == b""


def test_what_is_recent_is_not_forgotten(recent: RecentFetches) -> None:
    """Forgetting, at whatever moment, leaves what is still asked for."""
    for offset in range(15):
        recent.forget_now(NOW_US)
        note(recent, offset, seconds=offset)
        recent.forget_now(NOW_US + (offset + 14) * SECOND_US)

        assert note(recent, offset, ip=ELSEWHERE, agent="Two/2", seconds=offset + 14.5)[1]


def test_memory_is_bounded(recent: RecentFetches) -> None:
    """Many messages and addresses displace one another, and everything is still answered."""
    before = len(recent._memory.octets)  # noqa: SLF001 - what is bounded is inside
    for number in range(40_000):
        found = note(recent, number, ip=f"10.{number >> 8 & 255}.{number & 255}.1")
        assert found.messages_of_address == 1

    assert len(recent._memory.octets) == before  # noqa: SLF001 - likewise
    assert before < 10_000_000


def _note_elsewhere(recent: RecentFetches, numbers: Sequence[int]) -> None:
    for number in numbers:
        note(recent, number)
        recent.note_scanner(message(number), NOW_US)


def test_processes_share_what_they_see(recent: RecentFetches) -> None:
    """What one endpoint process saw, another knows; a secret of its own would hide it."""
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_note_elsewhere, args=(recent, range(4)))
    process.start()
    process.join()
    found = note(recent, 4)

    assert process.exitcode == 0
    assert found.messages_of_address == 5
    assert note(recent, 1, ip=ELSEWHERE, agent="Two/2") == (1, True, True)


def fetches_of_gateway(recent: RecentFetches, level: PrivacyLevel) -> list[str]:
    """Have a gateway and then a browser fetch a message; return the names of the signals."""
    journal = Kept()
    intake = an_intake(journal, recent=recent)
    token = sealed(level)
    take(intake, a_fetch(token, ip_address="62.209.50.1"))
    take(intake, a_fetch(token, ip_address=ADDRESS))
    return [signal.name for signal in decode_open(journal.payloads[1]).fetch.evidence.signals]


@pytest.mark.parametrize(
    ("level", "is_seen"),
    [
        (PrivacyLevel.FULL, True),
        (PrivacyLevel.MASKED, True),
        (PrivacyLevel.PSEUDONYMOUS, True),
        (PrivacyLevel.ANONYMOUS, False),
    ],
)
def test_fetches_are_linked_as_far_as_the_level_allows(
    recent: RecentFetches, level: PrivacyLevel, *, is_seen: bool
) -> None:
    """What came before is a signal, but where fetches of a message may not be linked."""
    assert ("scanned-before" in fetches_of_gateway(recent, level)) is is_seen


def test_anonymous_messages_leave_nothing(recent: RecentFetches) -> None:
    """Of fetches of anonymous messages nothing is remembered."""
    fetches_of_gateway(recent, PrivacyLevel.ANONYMOUS)

    assert recent._memory.octets[:].strip(b"\0") == b""  # noqa: SLF001 - what must not be there


def test_sweep_is_a_scanner(recent: RecentFetches) -> None:
    """From the fifth message that an address fetches within a second its browser is a scanner's."""
    journal = Kept()
    intake = an_intake(journal, recent=recent)
    for number in range(6):
        token = seal(a_token(f"message-{number}", to="reader@example.org"), RING)
        fetch = a_fetch(token)._replace(
            user_agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/153.0",
            open_us=NOW_US + 3_600 * SECOND_US,
        )
        take(intake, fetch)
    agents = [decode_open(each).fetch.evidence.agent for each in journal.payloads]

    assert agents[:4] == [Agent.PERSON] * 4
    assert agents[4:] == [Agent.SCANNER] * 2


def test_scanners_networks_are_known() -> None:
    """An address that no rule knows to be a scanner's marks nothing."""
    assert JUDGE.is_of_scanner("62.209.50.1")
    assert not JUDGE.is_of_scanner(ADDRESS)
    assert not JUDGE.is_of_scanner("no address")
