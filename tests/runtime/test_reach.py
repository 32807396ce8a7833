"""Who reaches an address: this machine alone, or others; by IPv4, or by IPv6 as well."""

import socket

import grpc
import pytest

from service_runtime.listen import ListenError, require_free
from service_runtime.reach import is_local, without_ipv6


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:1",
        "127.255.0.9:1",
        "localhost:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
        "unix:/run/emailopens.sock",
        "unix:emailopens.sock",
        "unix-abstract:emailopens",
    ],
)
def test_loopback_and_unix_sockets_are_of_this_machine(address: str) -> None:
    """Nobody else gets there."""
    assert is_local(address)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:0.0.0.0]:1", "[fe80::1]:1"],
)
def test_every_other_address_is_for_others(address: str) -> None:
    """Also that of all interfaces, and those that a name may stand for."""
    assert not is_local(address)


def test_name_is_looked_up() -> None:
    """What a host name means is what counts; one that means nothing is an error."""
    with pytest.raises(ListenError, match=r"cannot listen at nowhere\.invalid:1"):
        is_local("nowhere.invalid:1")


def answers(family: socket.AddressFamily, host: str, port: int) -> bool:
    with socket.socket(family) as client:
        return client.connect_ex((host, port)) == 0


@pytest.mark.parametrize("reuse_port", [0, 1])
async def test_all_of_ipv4_is_not_ipv6(reuse_port: int) -> None:
    """GRPC would take `0.0.0.0` for both, also where a firewall knows of one alone."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", reuse_port)])
    with without_ipv6("0.0.0.0:0") as address:
        port = server.add_insecure_port(address)
    await server.start()
    try:
        assert answers(socket.AF_INET, "127.0.0.1", port)
        assert not answers(socket.AF_INET6, "::1", port)
    finally:
        await server.stop(0)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::]:0", "unix:/run/x.sock"])
def test_other_addresses_stay_as_they_are(address: str) -> None:
    """Only that one means more to gRPC than it says."""
    with without_ipv6(address) as kept:
        assert kept == address


def test_socket_that_somebody_serves_is_taken(tmp_path_factory: pytest.TempPathFactory) -> None:
    """GRPC would remove it, and leave the other service without callers; a stale one is free."""
    # A short path: the system takes 107 octets.
    path = tmp_path_factory.mktemp("s") / "s"
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(str(path))
        service.listen()
        with pytest.raises(ListenError, match="taken"):
            require_free(f"unix:{path}")

    require_free(f"unix:{path}")
    path.unlink()
    path.write_text("precious")
    with pytest.raises(ListenError, match="something else is there"):
        require_free(f"unix:{path}")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("unix:", "1 to 107 octets"),
        ("unix-abstract:", "1 to 107 octets"),
        (f"unix-abstract:{'x' * 107}", "1 to 107 octets"),
        ("unix:/nowhere/x.sock", "there is no folder /nowhere"),
    ],
)
def test_socket_that_cannot_be_is_refused(address: str, said: str) -> None:
    """With one sentence, and not with a page of gRPC's."""
    with pytest.raises(ListenError, match=said):
        require_free(address)
