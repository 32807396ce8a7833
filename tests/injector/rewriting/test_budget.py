"""The last line against messages that cost more than their size: a budget of steps."""

import pytest

from injector_service.rewriting import Instructions, Outcome, rewrite_message
from injector_service.rewriting.budget import Budget, TooComplexError

RAW = (
    b"To: a@example.org\r\nX-Drop: x\r\nContent-Type: text/html\r\n\r\n"
    + b"<!-- a --><p>x</p>" * 100
)


def unmade(*_: object) -> None:
    pytest.fail("a pixel was made for a message that is not tracked")


def test_a_larger_message_may_take_more_steps() -> None:
    """The budget grows with the size, and begins with what any message may take."""
    small, large = Budget(1_000).left, Budget(1_000_000).left

    assert small > 1_000
    assert large - small == (1_000_000 - 1_000) // 50


def test_what_is_spent_is_gone() -> None:
    """The last step may be taken, and not one more."""
    budget = Budget.of_steps(10)
    budget.spend(7)
    budget.spend(3)

    assert budget.left == 0
    with pytest.raises(TooComplexError):
        budget.spend(1)


def test_message_that_takes_more_steps_is_too_complex_and_comes_back() -> None:
    """Whatever the reason: it is sent untracked, without the fields that are to be removed."""
    rewritten = rewrite_message(
        RAW,
        Instructions(
            make_pixel=unmade,  # type: ignore[arg-type] # never called
            is_own_token=lambda _token: False,
            fields_to_remove=("X-Drop",),
        ),
        budget=Budget.of_steps(100),
    )

    assert (rewritten.outcome, rewritten.failure) == (Outcome.TOO_COMPLEX, None)
    assert rewritten.message(RAW) == RAW.replace(b"X-Drop: x\r\n", b"")
