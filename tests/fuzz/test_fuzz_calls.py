"""The search for a request that makes a service fail looks everywhere."""

import random

from emailopens.injector.v1 import configuration_service_pb2 as pb
from examples.pair import Pair
from tests.fuzz.fuzz_calls import methods_of, random_message

SERVICES = {
    "emailopens.injector.v1.ConfigurationService",
    "emailopens.injector.v1.InjectorService",
    "emailopens.injector.v1.TrackingService",
    "emailopens.pixel.v1.ObjectionService",
    "emailopens.pixel.v1.OperationService",
    "emailopens.pixel.v1.PixelService",
    "emailopens.pixel.v1.StatisticsService",
    "emailopens.pixel.v1.SubscriptionService",
    "emailopens.pixel.v1.WebhookService",
}


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


def test_every_method_is_called() -> None:
    """The search means something: methods that are added to the contract are called, too."""
    pair = Pair(injector="i", pixel="p", pixel_http="h", admin="a")
    found = {each.path: each.address for each in methods_of(pair)}

    assert found["/emailopens.injector.v1.InjectorService/RewriteMessage"] == "i"
    assert found["/emailopens.pixel.v1.PixelService/StreamOpens"] == "p"
    assert {path.split("/")[1] for path in found} == SERVICES
