"""No message costs more than its size, however it is built."""

import pytest

from benchmarks.hostile import rewrite_each_way
from benchmarks.hostile_messages import FAMILIES
from tests.mail.growth import grows_too_fast

# Large enough for what is quadratic to show, at C speed too.
SIZE = 1 << 14


@pytest.mark.parametrize("family", FAMILIES)
def test_four_times_the_size_costs_about_four_times_as_much(family: str) -> None:
    """Nothing that can be repeated, nested or nearly written in a message costs its square."""
    assert not grows_too_fast(FAMILIES[family], rewrite_each_way, SIZE)
