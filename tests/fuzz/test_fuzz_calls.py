"""No request makes a service fail, and the search for one that does finds faults."""

import random

from emailopens.injector.v1 import configuration_service_pb2 as pb
from tests.fuzz.fuzz_calls import findings, random_message


def test_no_call_is_a_fault() -> None:
    """Whatever is sent to whatever method ends with a status that says what is wrong."""
    assert list(findings(count=96, seed=1)) == []


def test_every_field_gets_values() -> None:
    """The search means something: no field of a request stays empty for ever."""
    chance = random.Random(1)
    descriptor = pb.Configuration.DESCRIPTOR
    given = {
        field.name
        for _ in range(100)
        for field, _ in random_message(descriptor, chance).ListFields()
    }

    assert given == {field.name for field in descriptor.fields}
