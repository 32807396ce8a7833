"""Everything the bridge can be told from outside."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from mail_bridge.delivery import TrackingSettings
from mail_bridge.front import FrontProtocol, FrontSettings
from mail_bridge.next_hop import NextHopServer
from service_runtime.drain import DEFAULT_GRACE
from service_runtime.protection import Protection, ServedPort
from service_runtime.tls_files import TlsFiles


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run."""

    front: FrontSettings = dataclasses.field(default_factory=FrontSettings)
    next_hop: NextHopServer = dataclasses.field(default_factory=NextHopServer)
    tracking: TrackingSettings = dataclasses.field(default_factory=TrackingSettings)

    filter_socket: Path | None = None
    """Where `mail-bridge filter` is answered; None for nowhere."""

    admin: str | None = None
    """Where operators' tools are answered; None for nowhere."""

    mail_tls: TlsFiles | None = None
    """For STARTTLS of clients; None: it is not offered."""
    protection: Protection = dataclasses.field(default_factory=Protection)
    """What protects the port of operators' tools, and what may be open."""

    grace: dt.timedelta = DEFAULT_GRACE

    @property
    def ports(self) -> Sequence[ServedPort]:
        """The ports that must not be open to others by mistake.

        Whoever reaches the port for mail sends mail as the bridge may, which is anything where
        the next hop trusts this machine.
        """
        tls = self.mail_tls
        mail = ServedPort(
            name="mail",
            address=self.front.listen,
            has_tls=tls is not None and self.front.requires_tls,
            knows_callers=tls is not None and tls.client_ca is not None,
            tls_options="--tls-certificate, --tls-key and --require-tls",
            caller_options="--tls-client-ca",
        )
        return [mail] if self.admin is None else [mail, self.protection.admin_port(self.admin)]

    @property
    def takes_no_passwords(self) -> bool:
        """Whether applications cannot log in, because others might see how."""
        return self.front.protocol is FrontProtocol.SMTP and not self.next_hop.may_see_credentials

    @property
    def tls_files(self) -> Mapping[str, TlsFiles | None]:
        """The certificates by port."""
        return {"mail": self.mail_tls, "admin": self.protection.admin_tls}
