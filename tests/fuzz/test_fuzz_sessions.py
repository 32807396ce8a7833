"""The search for a session that the bridge gets wrong means something."""

import random

from tests.fuzz.fuzz_sessions import a_session, findings


def test_every_answer_is_had() -> None:
    """Sessions have all kinds of steps: each answer of the listener's occurs."""
    chance = random.Random(1)
    codes = {code for _ in range(200) for step in a_session(chance) for code in step.codes}

    assert codes == {214, 220, 221, 250, 252, 354, 500, 501, 503, 552}


async def test_sessions_are_right() -> None:
    """Some of what `make fuzz` looks at for long."""
    assert await findings(count=20, seed=2) == []


async def test_listener_that_is_wrong_is_found() -> None:
    """One that refuses smaller messages than it should does not go unseen."""
    assert await findings(count=20, seed=2, max_octets=100) != []
