"""No message costs more than its size, however it is built."""

import pytest

from benchmarks.hostile import MOST_MEMORY, most_memory, rewrite_each_way
from benchmarks.hostile_messages import FAMILIES
from tests.mail.growth import grows_too_fast

# Large enough for what is quadratic to show, at C speed too.
SIZE = 1 << 14

# Large enough for what is the same for every message not to matter.
LARGE_SIZE = 1 << 18


@pytest.mark.parametrize("family", FAMILIES)
def test_four_times_the_size_costs_about_four_times_as_much(family: str) -> None:
    """Nothing that can be repeated, nested or nearly written in a message costs its square."""
    assert not grows_too_fast(FAMILIES[family], rewrite_each_way, SIZE)


@pytest.mark.parametrize("family", FAMILIES)
def test_rewriting_takes_at_most_four_times_the_message_in_memory(family: str) -> None:
    """Beside the message itself; the rewritten message is one of the four."""
    message = FAMILIES[family]
    # Patterns are compiled and tables filled once.
    rewrite_each_way(message(SIZE))

    assert most_memory(message(LARGE_SIZE)) <= MOST_MEMORY
