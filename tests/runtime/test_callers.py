"""Which configurations are a caller's."""

import pytest

from service_runtime.callers import ANYBODY, Caller, ConfigurationNotAllowed, Role

LIMITED = Caller(role=Role.SUBSCRIBER, name="k", configuration_ids=frozenset({"crm", "shop"}))


def test_an_empty_list_means_all_that_the_caller_may_see() -> None:
    """A limited caller that names no configuration gets its own, anybody else all."""
    assert LIMITED.narrowed(frozenset()) == {"crm", "shop"}
    assert LIMITED.narrowed(frozenset({"crm"})) == {"crm"}
    assert ANYBODY.narrowed(frozenset()) == frozenset()
    assert ANYBODY.narrowed(frozenset({"other"})) == {"other"}


def test_a_configuration_of_others_is_refused_by_its_name() -> None:
    """Whoever asks for another's configuration is told which one is not theirs."""
    with pytest.raises(ConfigurationNotAllowed) as refusal:
        LIMITED.narrowed(frozenset({"crm", "other"}))

    assert refusal.value.metadata == {"configuration_id": "other"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(set(), False), ({"crm"}, True), ({"crm", "shop"}, True), ({"crm", "other"}, False)],
)
def test_a_subscription_is_a_limited_callers_if_all_that_it_selects_is(
    wanted: set[str], *, expected: bool
) -> None:
    """A subscription to everything, or to more than its own, is not a limited caller's."""
    assert LIMITED.may_use_all(frozenset(wanted)) is expected
    assert ANYBODY.may_use_all(frozenset(wanted))
