"""Who has logged in."""

import datetime as dt

from pixel_service.page.sessions import LENGTH, Sessions

NOW = dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


def test_session_is_of_whoever_began_it_and_ends_in_the_evening() -> None:
    """What a browser shows leads to its key for twelve hours, and no longer."""
    clock = Clock()
    sessions = Sessions(clock=clock)
    token, other = sessions.begin("key 1"), sessions.begin("key 2")

    clock.now = NOW + LENGTH - dt.timedelta(seconds=1)
    found = [sessions.get(each) for each in (token, other, "", "guess", "no text: \udcff")]
    clock.now = NOW + LENGTH

    assert [each and each.api_key for each in found] == ["key 1", "key 2", *[None] * 3]
    assert sessions.get(token) is None


def test_session_that_is_ended_is_gone() -> None:
    """And no other with it; ending what is none does nothing."""
    sessions = Sessions()
    token, other = sessions.begin("key"), sessions.begin("key")
    sessions.end(token)
    sessions.end("guess")

    assert sessions.get(token) is None
    assert sessions.get(other) is not None


def test_sessions_are_so_many_at_most() -> None:
    """Whoever logged in first gives way: memory does not grow by logging in."""
    sessions = Sessions(most=2)
    tokens = [sessions.begin(f"key {number}") for number in range(3)]

    assert [sessions.get(each) is not None for each in tokens] == [False, True, True]


def test_key_is_forgotten_when_its_session_has_ended() -> None:
    """Also if nobody asks for the session again: a clock that is set back does not find it."""
    clock = Clock()
    sessions = Sessions(clock=clock)
    token = sessions.begin("key")
    clock.now = NOW + LENGTH
    sessions.forget_ended()
    clock.now = NOW

    assert sessions.get(token) is None


def test_key_pushes_out_its_own_sessions_alone() -> None:
    """However often somebody logs in with one, others stay."""
    sessions = Sessions(most=4, most_of_key=2)
    other = sessions.begin("other key")
    tokens = [sessions.begin("key") for _ in range(5)]

    assert [sessions.get(each) is not None for each in tokens] == [*[False] * 3, True, True]
    assert sessions.get(other) is not None


def test_key_is_not_in_what_is_logged() -> None:
    """A session that is printed by mistake shows no key."""
    sessions = Sessions()

    assert "secret" not in repr(sessions.get(sessions.begin("secret")))
