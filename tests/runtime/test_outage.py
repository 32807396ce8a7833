"""What operators are told of an outage."""

from structlog.testing import capture_logs

from service_runtime.outage import Outage


class Clock:
    """A clock that stands still unless it is set."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_outage_is_one_line_at_its_beginning_and_one_at_its_end() -> None:
    """However often it fails meanwhile; the last line says how often, and for how long."""
    clock = Clock()
    outage = Outage("database down", "database up", clock=clock)
    with capture_logs() as events:
        outage.worked()
        for _ in range(8):
            outage.failed(cause="OSError")
            clock.now += 1
        for _ in range(3):
            outage.worked()

    assert events == [
        {"event": "database down", "cause": "OSError", "log_level": "error"},
        {"event": "database up", "seconds": 7.0, "failures": 8, "log_level": "warning"},
    ]


def test_long_outage_is_said_again_once_a_minute() -> None:
    """So that it is near the end of the log, too, and does not fill it."""
    clock = Clock()
    outage = Outage("database down", "database up", clock=clock)
    with capture_logs() as events:
        for _ in range(150):
            outage.failed()
            clock.now += 1

    assert [each.get("failures") for each in events] == [None, 61, 121]


def test_outage_is_over_when_nothing_has_failed_for_a_while() -> None:
    """Where one thing works and another fails, they do not take turns in the log."""
    clock = Clock()
    outage = Outage("database down", "database up", settled_seconds=10, clock=clock)
    with capture_logs() as events:
        for _ in range(20):
            outage.failed()
            outage.worked()
            clock.now += 2
            outage.worked()
        clock.now += 9
        outage.worked()
        outage.worked()
        outage.failed()

    assert [each["event"] for each in events] == ["database down", "database up", "database down"]
