"""How much of a subscription may be on its way."""

from pixel_service.open_log import Position
from pixel_service.streaming import Window


def at(sequence: int) -> Position:
    return Position(0, sequence)


class Clock:
    """Goes when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def full_window(clock: Clock) -> Window:
    """Return a window of 100 that was filled with batches of five."""
    window = Window(100, max_batch_size=1_000, clock=clock)
    for sequence in range(5, 105, 5):
        window.sent(5, after=at(sequence))
    return window


def test_window_that_is_not_full_gives_all_its_room() -> None:
    """What a client can take is sent at once, however little it is."""
    window = Window(100, max_batch_size=1_000)
    for sequence in range(5, 100, 5):
        window.sent(5, after=at(sequence))

        assert window.room == 100 - sequence


def test_window_that_was_full_opens_for_a_worthwhile_share() -> None:
    """A small acknowledgement makes no small batch follow (RFC 9293, section 3.8.6.2)."""
    window = full_window(Clock())
    rooms = []
    for sequence in range(5, 55, 5):
        window.acknowledged(at(sequence))
        rooms.append(window.room)

    assert rooms == [0] * 9 + [50]


def test_worthwhile_is_no_more_than_a_batch() -> None:
    """A window of many batches is refilled a whole batch at a time."""
    window = Window(10_000, max_batch_size=100)
    window.sent(10_000, after=at(10_000))
    window.acknowledged(at(9_000))
    assert window.room == 0
    window.acknowledged(at(10_000))
    assert window.room == 10_000


def test_little_room_is_given_after_a_while() -> None:
    """A client that cannot acknowledge more before it gets more is not left waiting."""
    clock = Clock()
    window = full_window(clock)
    window.acknowledged(at(5))
    early = window.room
    clock.now = window.opens_at or 0.0
    late = window.room
    window.sent(5, after=at(105))

    assert (early, late) == (0, 5)
    assert (window.room, window.opens_at) == (0, None)


def test_what_is_acknowledged_is_not_outstanding() -> None:
    """A client that acknowledges ahead of what it was sent goes on getting it."""
    window = Window(100, max_batch_size=1_000)
    window.acknowledged(at(1_000))
    for sequence in range(100, 1_001, 100):
        assert window.room == 100
        window.sent(100, after=at(sequence))
    window.sent(100, after=at(1_100))

    assert window.room == 0


def test_window_of_one_goes_on() -> None:
    """One at a time is a window, too."""
    window = Window(1, max_batch_size=1_000)
    for sequence in range(1, 4):
        assert window.room == 1
        window.sent(1, after=at(sequence))
        assert window.room == 0
        window.acknowledged(at(sequence))
