"""A target is what people write: a host, with or without its port."""

import pytest

from emailopens_client.targets import PIXEL_SERVICE_PORT, is_target, with_port
from pixel_service.settings import Settings


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("localhost", "localhost:50052"),
        ("192.0.2.1", "192.0.2.1:50052"),
        ("::1", "[::1]:50052"),
        ("[2001:db8::1]", "[2001:db8::1]:50052"),
        ("dns:///pixel.internal", "dns:///pixel.internal:50052"),
        ("dns:pixel.internal", "dns:pixel.internal:50052"),
    ],
)
def test_host_alone_gets_the_services_port(target: str, meant: str) -> None:
    """And not 443, which gRPC would take."""
    assert with_port(target, 50052) == meant


@pytest.mark.parametrize(
    "target",
    [
        "localhost:1",
        "[::1]:1",
        "dns:///pixel.internal:1",
        "unix:/run/pixel.sock",
        "unix:pixel.sock",
        "unix-abstract:pixel",
        "ipv4:192.0.2.1:1,192.0.2.2:1",
    ],
)
def test_any_other_target_is_left_to_grpc(target: str) -> None:
    """A port that was given stays, and so do the forms of gRPC that have none."""
    assert with_port(target, 50052) == target


def test_default_port_is_the_pixel_services() -> None:
    """The library knows neither service, and so has the number once more."""
    assert Settings().grpc.endswith(f":{PIXEL_SERVICE_PORT}")


@pytest.mark.parametrize(
    "target",
    [
        "pixel",
        "pixel:50052",
        "127.0.0.1:1",
        "[::1]:1",
        "::1",
        "dns:///pixel.example:5",
        "unix:/run/pixel.sock",
        "unix-abstract:pixel",
    ],
)
def test_what_can_be_called_is_told(target: str) -> None:
    """A host or an address, with a port or without, or a socket of this machine."""
    assert is_target(target)


@pytest.mark.parametrize("target", ["", "unix:", "a b", "host:x", "host:x:y", ":5", "http://host"])
def test_what_can_never_be_called_is_told(target: str) -> None:
    """Before somebody waits for a call that can never be made."""
    assert not is_target(target)
