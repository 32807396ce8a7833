"""Findings are made short, and never at the price of a worker that seems to hang."""

from tests.fuzz.shorten import MAX_SECONDS, MAX_TRIES, shortened

NEEDLES = (b"<p>", b"</body>")


class Showing:
    """Says whether an input shows what is looked for, and takes its time for it."""

    def __init__(self, *, seconds: float = 0) -> None:
        self._seconds = seconds
        self.now = 1_000.0
        self.tries = 0

    def __call__(self, raw: bytes) -> bool:
        self.tries += 1
        self.now += self._seconds
        return all(needle in raw for needle in NEEDLES)

    def clock(self) -> float:
        return self.now


def test_what_is_not_needed_is_left_out() -> None:
    """Nothing remains but what shows the fault."""
    raw = b"x" * 500 + b"<p>" + b"y" * 300 + b"</body>" + b"z" * 700

    assert shortened(raw, Showing()) == b"<p></body>"


def test_shortening_ends_in_time_with_the_shortest_so_far() -> None:
    """A fault that takes long to look for is kept as short as it got."""
    raw = b"x" * 50_000 + b"<p>" + b"y" * 30_000 + b"</body>"
    shows = Showing(seconds=MAX_SECONDS / 10)
    short = shortened(raw, shows, clock=shows.clock)

    assert shows.tries == 10
    assert len(short) < len(raw) / 2
    assert shows(short)


def test_shortening_ends_after_so_many_tries() -> None:
    """A fault that needs every octet does not occupy the worker for ever."""
    raw = b"<p>" * MAX_TRIES
    tries = 0

    def needs_all(less: bytes) -> bool:
        nonlocal tries
        tries += 1
        return less == raw

    assert shortened(raw, needs_all) == raw
    assert tries == MAX_TRIES
