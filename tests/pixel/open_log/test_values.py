"""Pages keep within their limits."""

import hashlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from pixel_service.open_log import LogEntry, Page, Position, count_within, message_key
from service_runtime.message_ids import beginning_at


def entry(sequence: int, octets: int) -> LogEntry:
    return LogEntry(0, sequence, "news", 1, 2, first_open=True, notification=bytes(octets))


@given(st.lists(st.integers(0, 50)), st.integers(0, 500))
def test_as_many_as_fit_and_at_least_one(sizes: list[int], max_octets: int) -> None:
    """The count is the largest that fits; a first one that is too large is counted alone."""
    count = count_within(sizes, max_octets)

    fitting = [n for n, octets in enumerate(itertools.accumulate(sizes), 1) if octets <= max_octets]
    assert count == max([*fitting, 1 if sizes else 0])


def test_page_that_is_cut_says_where_to_read_on() -> None:
    """What is left out follows the last entry that is kept; a page that fits is unchanged."""
    page = Page(
        entries=[entry(number, 10) for number in range(1, 5)], after=Position(0, 9), at_head=True
    )

    cut = page.within(25)

    assert [each.sequence for each in cut.entries] == [1, 2]
    assert (cut.after, cut.at_head) == (Position(0, 2), False)
    assert page.within(40) is page


def test_messages_of_older_versions_keep_their_keys() -> None:
    """An ID without a time has the key that it had before IDs began with one."""
    ids = ("", "message-1", "fMUDwqc1oNTr4f8aB2LxZc", "d" * 128)

    assert [message_key(each) for each in ids] == [
        hashlib.blake2b(each.encode(), digest_size=16).digest() for each in ids
    ]


def test_keys_sort_by_the_time_in_their_ids() -> None:
    """All have one length, and those of one time share their beginning and nothing else."""
    early, late = beginning_at(1_700_000_000_000_000), beginning_at(1_800_000_000_000_000)
    keys = [
        message_key(beginning + f"{number:017}") for beginning in (early, late) for number in (1, 2)
    ]

    assert {len(key) for key in keys} == {16}
    assert [key[:3] for key in keys] == sorted(key[:3] for key in keys)
    assert len({key[:3] for key in keys}) == 2
    assert len({key[3:] for key in keys}) == 4
