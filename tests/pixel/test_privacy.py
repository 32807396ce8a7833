"""What a privacy level discards is gone: nothing of it is in what is kept."""

import dataclasses
import datetime as dt
import ipaddress
import string
import tomllib
from collections.abc import Iterator
from importlib import resources

import hypothesis
import pytest
from hypothesis import strategies as st

from pixel_service.evidence import (
    Agent,
    Client,
    Confidence,
    Evidence,
    Fetch,
    Judge,
    Network,
    load_judge,
)
from pixel_service.privacy import (
    Correspondence,
    KeptOpen,
    Message,
    PrivacyLevel,
    SeenOpen,
    keep,
    level_of,
    mask_address,
    normal_address,
)

OPEN_TIME = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
ACCEPTANCE_TIME = OPEN_TIME - dt.timedelta(minutes=7)

# Eight letters and more do not occur by accident in what is kept.
SECRET = st.text(string.ascii_letters + string.digits, min_size=12, max_size=24)
RECORDED = st.sampled_from([level for level in PrivacyLevel if level is not PrivacyLevel.OFF])
FAMILIES = {
    name
    for names in tomllib.loads(
        resources.files("pixel_service.evidence").joinpath("families.toml").read_text()
    ).values()
    for name in names
}

# Where user agents hold free text that ua-parser takes for a family.
USER_AGENTS = st.sampled_from(
    [
        "{}/1.0 CFNetwork/1 Darwin/1",
        "Mozilla/5.0 (compatible; {}bot/1.0; +http://example.com)",
        "{}Spider/2.0",
        "Mozilla/5.0 (Linux; Android 13; {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0",
        "Mozilla/5.0 (Linux; Android 13; {} Build/1) Chrome/112.0 Mobile",
        "{}",
    ]
)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """One recognizable text for each thing that a level may discard."""

    message_id: str
    tag: str
    identity: str
    mailbox: str
    recipient: str
    envelope: str
    date: str
    subject: str
    header_message_id: str
    header: str
    user_agent: str

    def correspondence(self) -> set[str]:
        names = {field.name for field in dataclasses.fields(self)}
        return {getattr(self, name) for name in names - {"message_id", "tag", "user_agent"}}


SECRETS = st.lists(SECRET, min_size=11, max_size=11, unique=True).map(
    lambda texts: Secrets(
        **dict(zip((field.name for field in dataclasses.fields(Secrets)), texts, strict=True))
    )
)


def seen_open(
    judge: Judge, level: PrivacyLevel, secrets: Secrets, user_agent: str, address: str
) -> SeenOpen:
    evidence = judge.judge(
        Fetch(
            ip_address=address,
            user_agent=user_agent,
            headers={"purpose": f"prefetch {secrets.user_agent}"},
            open_time=OPEN_TIME,
            acceptance_time=ACCEPTANCE_TIME,
        )
    )
    return SeenOpen(
        privacy_level=level,
        open_time=OPEN_TIME,
        message=Message(
            message_id=secrets.message_id,
            acceptance_time=ACCEPTANCE_TIME,
            tags=((secrets.tag, secrets.tag),),
        ),
        correspondence=Correspondence(
            identity_id=f"{secrets.identity}@example.com",
            from_mailboxes=(f"{secrets.mailbox}@example.com",),
            to_mailboxes=(f"{secrets.recipient}@example.com",),
            date=secrets.date,
            subject=secrets.subject,
            header_message_id=f"<{secrets.header_message_id}@example.com>",
            notified_fields=(("X-Field", secrets.header),),
            headers_truncated=False,
            recipient=f"{secrets.envelope}@example.com",
        ),
        ip_address=address,
        user_agent=user_agent,
        evidence=evidence,
    )


def texts_of(value: object) -> Iterator[str]:
    """Yield everything in *value* as text, whatever it consists of."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from texts_of(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from texts_of(item)
    else:
        yield str(value)


def kept(seen: SeenOpen) -> KeptOpen:
    result = keep(seen)
    assert result is not None
    return result


@hypothesis.given(
    level=RECORDED, secrets=SECRETS, template=USER_AGENTS, address=st.ip_addresses().map(str)
)
@hypothesis.example(
    level=PrivacyLevel.MASKED,
    secrets=Secrets(**{field.name: field.name * 3 for field in dataclasses.fields(Secrets)}),
    template="{}/1.0 CFNetwork/1 Darwin/1",
    address="2002:c000:204::1",
)
def test_nothing_that_is_discarded_is_kept(
    judge: Judge, level: PrivacyLevel, secrets: Secrets, template: str, address: str
) -> None:
    """No level lets a discarded value through, whole or inside another one."""
    user_agent = template.format(secrets.user_agent)
    everything = "\n".join(texts_of(kept(seen_open(judge, level, secrets, user_agent, address))))

    assert (user_agent in everything) == (level is PrivacyLevel.FULL)
    assert (secrets.user_agent in everything) == (level is PrivacyLevel.FULL)
    for secret in secrets.correspondence():
        assert (secret in everything) == (level < PrivacyLevel.PSEUDONYMOUS)
    for secret in (secrets.message_id, secrets.tag):
        assert (secret in everything) == (level < PrivacyLevel.ANONYMOUS)
    assert (str(ACCEPTANCE_TIME) in everything) == (level < PrivacyLevel.ANONYMOUS)
    if level is not PrivacyLevel.FULL:
        assert normal_address(address) not in everything or mask_address(address) == normal_address(
            address
        )


@hypothesis.given(level=RECORDED, user_agent=st.text(max_size=600), address=st.ip_addresses())
def test_clients_come_from_the_closed_list_below_full(
    judge: Judge,
    level: PrivacyLevel,
    user_agent: str,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Below FULL no word of a user agent is repeated that the list of families has not."""
    secrets = Secrets(**{field.name: "x" for field in dataclasses.fields(Secrets)})
    result = kept(seen_open(judge, level, secrets, user_agent, str(address)))
    if level is PrivacyLevel.FULL:
        return
    said = set(texts_of(result.evidence.client)) if result.evidence.client else set()

    assert said | {result.user_agent} <= FAMILIES | {""}


@pytest.mark.parametrize(
    ("level", "address", "agent"),
    [
        (PrivacyLevel.FULL, "203.0.113.77", "curl/8.5.0"),
        (PrivacyLevel.MASKED, "203.0.113.0", "curl"),
        (PrivacyLevel.PSEUDONYMOUS, "", ""),
        (PrivacyLevel.ANONYMOUS, "", ""),
    ],
)
def test_each_level_keeps_what_it_promises(
    judge: Judge, level: PrivacyLevel, address: str, agent: str
) -> None:
    """Address and user agent are whole, cut, or gone; the evidence stays at every level."""
    secrets = Secrets(**{field.name: "x" for field in dataclasses.fields(Secrets)})
    result = kept(seen_open(judge, level, secrets, "curl/8.5.0", "203.0.113.77"))

    assert (result.ip_address, result.user_agent) == (address, agent)
    assert result.privacy_level is level
    assert result.evidence.agent is Agent.PRIVACY_PREFETCH
    assert result.evidence.signals
    assert (result.evidence.since_acceptance is None) == (level is PrivacyLevel.ANONYMOUS)


def test_off_records_nothing(judge: Judge) -> None:
    """At OFF there is nothing to keep, not even that something was fetched."""
    secrets = Secrets(**{field.name: "x" for field in dataclasses.fields(Secrets)})

    assert keep(seen_open(judge, PrivacyLevel.OFF, secrets, "curl/8", "203.0.113.77")) is None


def test_anonymous_keeps_no_small_network() -> None:
    """An autonomous system can be one household's, a device a rare model: both go."""
    evidence = Evidence(
        agent=Agent.PERSON,
        confidence=Confidence.LOW,
        signals=(),
        since_acceptance=dt.timedelta(seconds=3),
        ruleset_version="1",
        client=Client(name="Thunderbird", operating_system="Linux", device="Mac"),
        network=Network(operator="Jane Doe", autonomous_system_number=64500, country="DE"),
    )
    empty = Correspondence(
        identity_id="",
        from_mailboxes=(),
        to_mailboxes=(),
        date="",
        subject="",
        header_message_id="",
        notified_fields=(),
        headers_truncated=False,
    )
    seen = SeenOpen(
        privacy_level=PrivacyLevel.ANONYMOUS,
        open_time=OPEN_TIME,
        message=Message(message_id="m", acceptance_time=ACCEPTANCE_TIME, tags=()),
        correspondence=empty,
        ip_address="203.0.113.1",
        user_agent="x",
        evidence=evidence,
    )
    result = kept(seen).evidence

    assert result.network == Network(operator="", autonomous_system_number=0, country="DE")
    assert result.client == Client(name="Thunderbird", operating_system="Linux", device="")


@hypothesis.given(address=st.ip_addresses().map(str))
def test_masking_twice_is_masking_once(address: str) -> None:
    """A masked address is its own mask."""
    assert mask_address(mask_address(address)) == mask_address(address)


@hypothesis.given(first=st.ip_addresses(v=4), second=st.integers(0, 255))
def test_neighbours_have_one_mask(first: ipaddress.IPv4Address, second: int) -> None:
    """All addresses of a /24 become the same one, in each way to write IPv4."""
    neighbour = str(ipaddress.IPv4Address(int(first) & ~0xFF | second))
    network = str(ipaddress.IPv4Address(int(first) & ~0xFF))

    assert mask_address(neighbour) == network
    assert mask_address(f"::ffff:{neighbour}") == network


@hypothesis.given(first=st.ip_addresses(v=4), second=st.ip_addresses(v=4))
def test_an_ipv4_address_inside_6to4_is_cut_as_well(
    first: ipaddress.IPv4Address, second: ipaddress.IPv4Address
) -> None:
    """RFC 3056 puts an IPv4 address into the first 48 bits, which a /48 would keep."""
    both = [
        str(ipaddress.IPv6Address(0x2002 << 112 | int(each) << 80 | 1)) for each in (first, second)
    ]
    same_network = int(first) >> 8 == int(second) >> 8

    assert (mask_address(both[0]) == mask_address(both[1])) == same_network


@pytest.mark.parametrize(
    ("address", "masked", "normal"),
    [
        ("203.0.113.77", "203.0.113.0", "203.0.113.77"),
        ("::ffff:203.0.113.77", "203.0.113.0", "203.0.113.77"),
        ("2001:DB8:1:2:3:4:5:6", "2001:db8:1::", "2001:db8:1:2:3:4:5:6"),
        ("fe80::1%eth0", "fe80::", "fe80::1"),
        ("2002:cb00:714d::1", "2002:cb00:7100::", "2002:cb00:714d::1"),
        ("nonsense", "", ""),
        (None, "", ""),
    ],
)
def test_addresses_are_cut_to_their_networks(address: str | None, masked: str, normal: str) -> None:
    """Masks and normal forms, literally."""
    assert (mask_address(address), normal_address(address)) == (masked, normal)


@pytest.mark.parametrize("number", [-1, 0, 6, 99])
def test_unknown_level_is_the_most_restrictive(number: int) -> None:
    """A level that is not known, or not stated, keeps nothing."""
    assert level_of(number) is PrivacyLevel.OFF


def test_levels_are_ordered() -> None:
    """A larger number keeps less, so that the largest of several wins."""
    assert [level_of(number) for number in range(1, 6)] == sorted(PrivacyLevel)


def test_the_domain_of_a_sender_is_taken_from_the_address() -> None:
    """The tag ses:from-domain holds the part after the last @."""
    correspondence = Correspondence(
        identity_id='"a@b"@example.com',
        from_mailboxes=(),
        to_mailboxes=(),
        date="",
        subject="",
        header_message_id="",
        notified_fields=(),
        headers_truncated=False,
    )

    assert correspondence.from_domain == "example.com"
