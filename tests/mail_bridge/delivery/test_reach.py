"""When mail stops waiting for an injector."""

import pytest

from mail_bridge.delivery.reach import Reach


@pytest.mark.parametrize(
    ("calls", "is_away"),
    [("ff", False), ("fff", True), ("ffwff", False), ("ffwfff", True), ("fffw", False)],
)
def test_failures_in_a_row_end_the_waiting(calls: str, *, is_away: bool) -> None:
    """Three calls in a row that failed say that it is away; one that works says that it is not."""
    reach = Reach()
    for call in calls:
        if call == "f":
            reach.failed("UNAVAILABLE")
        else:
            reach.worked()

    assert reach.is_away is is_away
