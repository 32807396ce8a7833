"""No port is open to other machines by mistake."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service_runtime.callers import Caller, Role
from service_runtime.protection import NotProtected, Protection, announce
from service_runtime.tls_files import TlsFiles

TLS = TlsFiles(certificate=Path("c"), key=Path("k"))
MUTUAL_TLS = TlsFiles(certificate=Path("c"), key=Path("k"), client_ca=Path("ca"))
ROLES = {"crm": Caller(role=Role.SUBSCRIBER, name="crm")}
OUTSIDE = "0.0.0.0:0"


def require(protection: Protection, address: str, *, has_api_keys: bool = False) -> None:
    """Ask whether gRPC may be served, and then say who can call."""
    ports = protection.ports(grpc=address, admin=None, has_api_keys=has_api_keys)
    protection.require(ports)
    announce(ports)


def require_for_admin(protection: Protection, address: str) -> None:
    ports = protection.ports(grpc="127.0.0.1:1", admin=address, has_api_keys=False)
    protection.require(ports)


@pytest.mark.parametrize("address", ["127.0.0.1:50051", "unix:/run/emailopens.sock"])
def test_this_machine_needs_nothing(address: str) -> None:
    """It starts with one line that says who can call."""
    with capture_logs() as logs:
        require(Protection(), address)

    assert logs == [
        {
            "event": "only this machine can call",
            "log_level": "info",
            "port": "gRPC",
            "tls": False,
            "keys": False,
        }
    ]


@pytest.mark.parametrize(
    ("protection", "has_api_keys"),
    [
        (Protection(grpc_tls=TLS), True),
        (Protection(grpc_tls=MUTUAL_TLS, client_roles=ROLES), False),
    ],
)
def test_tls_and_keys_are_enough(protection: Protection, *, has_api_keys: bool) -> None:
    """Whether callers show keys or certificates; and nothing has to be said of it."""
    with capture_logs() as logs:
        require(protection, OUTSIDE, has_api_keys=has_api_keys)

    assert logs == []


@pytest.mark.parametrize(
    ("protection", "has_api_keys", "named", "not_named"),
    [
        (
            Protection(),
            False,
            ["--tls-certificate", "--insecure-plaintext", "--api-keys", "--insecure-no-keys"],
            [],
        ),
        (Protection(grpc_tls=TLS), False, ["--api-keys", "--insecure-no-keys"], ["plaintext"]),
        (Protection(), True, ["--tls-certificate", "--insecure-plaintext"], ["no-keys"]),
        (Protection(allows_plaintext=True), False, ["--insecure-no-keys"], ["plaintext"]),
        (Protection(allows_no_keys=True), False, ["--insecure-plaintext"], ["no-keys"]),
    ],
)
def test_what_is_missing_is_named_with_the_ways_out(
    protection: Protection, named: list[str], not_named: list[str], *, has_api_keys: bool
) -> None:
    """In one line, and only what is missing; listening elsewhere is one of the ways."""
    with pytest.raises(NotProtected) as refused:
        require(protection, OUTSIDE, has_api_keys=has_api_keys)

    text = str(refused.value)
    assert text.startswith(f"gRPC at {OUTSIDE} would be open to other machines")
    assert [each for each in named if each not in text] == []
    assert [each for each in not_named if each in text] == []
    assert "127.0.0.1" in text
    assert "\n" not in text


def test_operator_may_open_a_port() -> None:
    """In so many words, and with a warning."""
    with capture_logs() as logs:
        require(Protection(allows_plaintext=True, allows_no_keys=True), OUTSIDE)

    assert [(each["event"], each["log_level"]) for each in logs] == [
        ("other machines can call", "warning")
    ]


@pytest.mark.parametrize("tls", [None, TLS])
def test_operators_tools_are_for_who_shows_a_certificate(tls: TlsFiles | None) -> None:
    """Off this machine; their keys are certificates, because probes and scrapers have those."""
    require_for_admin(Protection(admin_tls=tls), "127.0.0.1:9090")
    require_for_admin(Protection(admin_tls=MUTUAL_TLS), OUTSIDE)
    with pytest.raises(NotProtected, match=r"admin at 0\.0\.0\.0:0.*--admin-tls-client-ca"):
        require_for_admin(Protection(admin_tls=tls), OUTSIDE)
