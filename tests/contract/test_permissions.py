"""Which role may make which call is said for every call."""

from collections.abc import Iterator

from emailopens.injector.v1 import (
    configuration_service_pb2,
    injector_service_pb2,
    tracking_service_pb2,
)
from emailopens.pixel.v1 import (
    objection_service_pb2,
    operation_service_pb2,
    pixel_service_pb2,
    statistics_service_pb2,
    subscription_service_pb2,
    webhook_service_pb2,
)
from service_runtime.callers import Role
from service_runtime.permissions import ROLES

REFLECTION = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

FILES = (
    configuration_service_pb2,
    injector_service_pb2,
    objection_service_pb2,
    operation_service_pb2,
    pixel_service_pb2,
    statistics_service_pb2,
    subscription_service_pb2,
    tracking_service_pb2,
    webhook_service_pb2,
)


def methods() -> Iterator[str]:
    """Yield every RPC of the contract."""
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield f"{service.full_name}/{method.name}"


def test_every_rpc_has_a_row() -> None:
    """The table of permissions has each RPC of the contract, and nothing else but reflection."""
    assert set(ROLES) == {*methods(), REFLECTION}


def test_an_admin_may_do_everything_and_nobody_nothing() -> None:
    """Every call is for an admin, and every role is there for something."""
    assert all(Role.ADMIN in roles for roles in ROLES.values())
    assert set().union(*ROLES.values()) == set(Role)


def test_operators_get_no_opens_and_no_messages() -> None:
    """Personal data are for those who send messages or are to know of opens."""
    of_operators = {method for method, roles in ROLES.items() if Role.OPERATOR in roles}

    assert not {each for each in of_operators if "/PixelService/" in each}
    assert not any(
        each.endswith(
            ("RewriteMessage", "RewriteForRecipients", "StreamOpens", "ListOpens", "SearchOpens")
        )
        for each in of_operators
    )
