"""What the bridge says it can do: what the next hop can, and what the bridge does itself."""

import ipaddress
from typing import Final

from mail_bridge.front.protocol import FrontProtocol
from mail_bridge.front.settings import LOOPBACK, FrontSettings, Network
from mail_bridge.smtp import Extensions, Reply

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What these add to MAIL, RCPT, replies and messages is passed on, so they are the next hop's.
_PASSED_ON: Final = (b"8BITMIME", b"SMTPUTF8", b"DSN", b"ENHANCEDSTATUSCODES", b"CHUNKING")

# How commands come in concerns nobody else.
_OWN: Final = (b"PIPELINING",)


def announced(
    next_hop: Extensions,
    *,
    name: str,
    max_message_octets: int,
    has_starttls: bool,
    passes: tuple[bytes, ...],
) -> Reply:
    """Return the answer to EHLO or LHLO.

    Args:
        next_hop: what it announces.
        name: what the bridge calls itself.
        max_message_octets: the largest message that is taken here.
        has_starttls: whether TLS can begin.
        passes: which of AUTH and XFORWARD this client may use if the next hop has them.
    """
    lines = [name.encode(), *_OWN]
    if b"SIZE" in next_hop:
        # The client says a size then, which is passed on like all that MAIL says.
        lines.append(b"SIZE %d" % max_message_octets_of(next_hop, max_message_octets))
    lines += [keyword for keyword in _PASSED_ON if keyword in next_hop]
    lines += [b" ".join((each, *next_hop.parameters(each))) for each in passes if each in next_hop]
    if has_starttls:
        lines.append(b"STARTTLS")
    return Reply(250, tuple(lines))


def passed_on_for(
    client: Address, settings: FrontSettings, *, is_tls: bool, has_certificate: bool
) -> tuple[bytes, ...]:
    """Return which of AUTH and XFORWARD *client* may use, if the next hop has them.

    A password does not go over a network in the open where it could go by TLS.
    """
    may_log_in = is_tls or not has_certificate or _is_in(LOOPBACK, client)
    may_use = {
        b"XFORWARD": _is_in(settings.xforward_clients, client),
        b"AUTH": may_log_in and settings.protocol is FrontProtocol.SMTP,
    }
    return tuple(keyword for keyword, may in may_use.items() if may)


def _is_in(networks: tuple[Network, ...], address: Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in each for each in networks)


def max_message_octets_of(next_hop: Extensions, max_message_octets: int) -> int:
    """Return the size of the largest message that is taken here and there."""
    return min(max_message_octets, next_hop.max_message_octets or max_message_octets)
