"""What is observed of a fetch, and what is concluded from it.

The numbers of the enumerations are those of the contract (`emailopens.notification.v1`,
`emailopens.token.v1`); a contract test holds them together, so that
this package needs nothing of it.
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping
from typing import Final, NamedTuple

from pixel_service.evidence.ranges import Range

# What the contract promises of `Open.user_agent`.  Also bounds what one fetch
# can cost: every pattern is tried on at most this much.
MAX_USER_AGENT_CHARACTERS: Final = 512


class Agent(enum.IntEnum):
    """What probably fetched the pixel."""

    UNSPECIFIED = 0
    PERSON = 1
    IMAGE_PROXY = 2
    PRIVACY_PREFETCH = 3
    SCANNER = 4
    OTHER_AUTOMATION = 5
    UNKNOWN = 6


class Confidence(enum.IntEnum):
    """How sure a judgement is."""

    UNSPECIFIED = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


# Of one address within a second; more are not counted.
MAX_MESSAGES_OF_ADDRESS: Final = 8


class OtherFetches(NamedTuple):
    """What other fetches of the last seconds and hours say about one."""

    messages_of_address: int = 0
    """How many messages its address has fetched within a second, this one included, as far
    as they are counted; 0 if that is not known."""

    is_second_network: bool = False
    """Whether another network, with another user agent, fetched the message just before."""

    is_scanned: bool = False
    """Whether a network of a scanner has fetched the message before."""


NO_OTHERS: Final = OtherFetches()


class MailProvider(enum.IntEnum):
    """Who takes in mail for the recipient."""

    UNSPECIFIED = 0
    GOOGLE = 1
    MICROSOFT = 2
    OUTLOOK_COM = 3
    YAHOO = 4
    APPLE = 5
    PROOFPOINT = 6
    MIMECAST = 7
    BARRACUDA = 8
    CISCO = 9
    TREND_MICRO = 10
    BROADCOM = 11
    SOPHOS = 12
    TRELLIX = 13
    FORCEPOINT = 14
    FORTINET = 15
    HORNETSECURITY = 16
    CLOUDFLARE = 17
    APPRIVER = 18
    SPAMEXPERTS = 19
    TITANHQ = 20
    RETARUS = 21


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """One request for a pixel, as far as it is evidence."""

    ip_address: str | None
    """The fetching address as text; None if not known.  Need not be valid."""

    user_agent: str | None
    """The User-Agent header field; None if none was sent.  Any text."""

    headers: Mapping[str, str]
    """Header fields by lower-cased name: at least those that the rules ask for
    (`Judge.header_names`) and that were sent.  Others do no harm."""

    open_time: dt.datetime
    """When the fetch arrived, UTC."""

    acceptance_time: dt.datetime | None
    """When the message was rewritten, UTC; None if not known (ANONYMOUS)."""

    others: OtherFetches = NO_OTHERS
    """What was seen around it."""

    mail_provider: int = MailProvider.UNSPECIFIED
    """Who takes in mail for the recipient, by its number; any number."""


# What follows are tuples: they are made, compared and hashed for every fetch, which
# takes data classes several times as long.


class Signal(NamedTuple):
    """One fact that speaks for an agent.  Holds no personal data."""

    name: str
    seen: str
    agent: Agent
    confidence: Confidence
    source: str


class Client(NamedTuple):
    """What a user agent says of itself; an empty text is "not said"."""

    name: str
    operating_system: str
    device: str


class Network(NamedTuple):
    """Who operates an address's network, from the operator's databases.

    An empty text and the number 0 mean "not known".
    """

    operator: str
    autonomous_system_number: int
    country: str


class Evidence(NamedTuple):
    """Everything that was seen of a fetch, and a judgement."""

    agent: Agent
    confidence: Confidence
    signals: tuple[Signal, ...]
    since_acceptance: dt.timedelta | None
    ruleset_version: str
    client: Client | None
    network: Network | None


class RecordedFetch(NamedTuple):
    """What was kept of a fetch that was judged before."""

    user_agent: str | None
    """None: not kept."""

    addresses: Range | None
    """Its address, or those of the network that is left of it; None: not kept."""

    open_day: int
    """When it was, counted in days from 1970-01-01 in UTC."""

    since_seconds: float | None
    """From acceptance to the fetch; None: not known."""

    signals: frozenset[str]
    """The names of the rules that held."""

    client: Client | None
    network: Network | None


# Header fields in which clients say that nobody asked for the image yet.
PURPOSE_HEADERS: Final = ("purpose", "sec-purpose", "x-moz", "x-purpose")


def clean_user_agent(user_agent: str | None) -> str:
    """Return *user_agent* as it may be shown: encodable, and not too long.

    Servers hand octets that are not UTF-8 on as lone surrogates, which no
    protobuf string can hold; they become U+FFFD.
    """
    text = (user_agent or "")[:MAX_USER_AGENT_CHARACTERS]
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
