"""What protects the ports of a service, and that none is open to others by mistake.

What listens at a loopback address or a Unix socket starts as it is. Anything else needs TLS,
and must know its callers, unless the operator says in so many words that it does not. The
port of pixels is for everybody, and needs neither.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from service_runtime.callers import Caller
from service_runtime.listen import require_free
from service_runtime.reach import is_local
from service_runtime.tls_files import TlsFiles

INSECURE_PLAINTEXT: Final = "insecure-plaintext"
INSECURE_NO_KEYS: Final = "insecure-no-keys"

logger = structlog.get_logger()


class NotProtected(Exception):
    """A port would be open to others.  The text names the ways out."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What the operator has said of it."""

    grpc_tls: TlsFiles | None = None
    http_tls: TlsFiles | None = None
    """Of the port of pixels."""
    admin_tls: TlsFiles | None = None
    page_tls: TlsFiles | None = None
    """Of the page for people, where a service has one."""

    client_roles: Mapping[str, Caller] = dataclasses.field(default_factory=dict)
    """Callers of gRPC by the names in their certificates."""

    allows_plaintext: bool = False
    """Whether what others send and get may be read on its way."""

    allows_no_keys: bool = False
    """Whether others may call without saying who they are."""

    def tls_files(self, *ports: str) -> Mapping[str, TlsFiles | None]:
        """Return the files of *ports*: of `grpc`, `http`, `admin` and `page`."""
        files = {
            "grpc": self.grpc_tls,
            "http": self.http_tls,
            "admin": self.admin_tls,
            "page": self.page_tls,
        }
        return {port: files[port] for port in ports}

    def ports(self, *, grpc: str, admin: str | None, has_api_keys: bool) -> "Sequence[ServedPort]":
        """Return what has to be protected of a service that serves at these addresses."""
        ports = [
            ServedPort(
                name="gRPC",
                address=grpc,
                has_tls=self.grpc_tls is not None,
                knows_callers=has_api_keys or bool(self.client_roles),
                tls_options="--tls-certificate and --tls-key",
                caller_options="--api-keys, or --tls-client-ca and --tls-client-role",
            )
        ]
        if admin is not None:
            ports.append(self.admin_port(admin))
        return ports

    def admin_port(self, address: str) -> "ServedPort":
        """Return the port of operators' tools."""
        tls = self.admin_tls
        return ServedPort(
            name="admin",
            address=address,
            has_tls=tls is not None,
            # Probes and scrapers have certificates, and no keys.
            knows_callers=tls is not None and tls.client_ca is not None,
            tls_options="--admin-tls-certificate and --admin-tls-key",
            caller_options="--admin-tls-client-ca",
        )

    def page_port(self, address: str, *, has_api_keys: bool) -> "ServedPort":
        """Return the port of the page, where people show the keys that callers do."""
        return ServedPort(
            name="page",
            address=address,
            has_tls=self.page_tls is not None,
            knows_callers=has_api_keys,
            tls_options="--page-tls-certificate and --page-tls-key",
            caller_options="--api-keys",
        )

    def require(self, ports: "Sequence[ServedPort]") -> None:
        """Go on if all *ports* may be served as they are.

        Raises:
            NotProtected: one may not.
            ListenError: its address is none, or none of ours.
        """
        for port in ports:
            if port.is_protected or is_local(port.address):
                continue
            needs = []
            if not port.has_tls and not self.allows_plaintext:
                needs.append(f"TLS ({port.tls_options}) or --{INSECURE_PLAINTEXT}")
            if not port.knows_callers and not self.allows_no_keys:
                needs.append(f"keys ({port.caller_options}) or --{INSECURE_NO_KEYS}")
            if needs:
                # One that is none of this machine's is a mistake of another kind.
                require_free(port.address, reuse_port=True)
                raise NotProtected(
                    f"{port.name} at {port.address} would be open to other machines: give it"
                    f" {'; and '.join(needs)}; or listen at 127.0.0.1, for this machine alone"
                )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServedPort:
    """A port, and what protects it."""

    name: str
    address: str
    has_tls: bool
    knows_callers: bool
    tls_options: str
    """What would give it TLS."""
    caller_options: str
    """What would make it ask who calls."""

    @property
    def is_protected(self) -> bool:
        """Whether it may be reached by anybody."""
        return self.has_tls and self.knows_callers


def announce(ports: Sequence[ServedPort]) -> None:
    """Say who can call *ports* that are not protected: once they are served."""
    for port in ports:
        if port.is_protected:
            continue
        say = logger.info if is_local(port.address) else logger.warning
        whose = "only this machine" if is_local(port.address) else "other machines"
        say(f"{whose} can call", port=port.name, tls=port.has_tls, keys=port.knows_callers)
