"""What a privacy level discards is gone: nothing of it is in what is kept."""

import dataclasses
import datetime as dt
import ipaddress
import string
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import cast

import hypothesis
import pytest
from hypothesis import strategies as st

from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as pb
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
from pixel_service.privacy import KeptFetch, PrivacyLevel, keep_fetch, keep_message, level_of
from pixel_service.privacy.kept_fetch import mask_address, normal_address
from service_runtime.times import microseconds_of

OPEN_TIME = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
ACCEPTANCE_TIME = OPEN_TIME - dt.timedelta(minutes=7)

# Of one length, so that none is in another, and with letters that are in no word: Hypothesis
# draws texts from the code that it tests, and some of those are kept.
SECRET = st.text(string.hexdigits, min_size=22, max_size=22).map("Qz{}".format)
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


def message_with(level: PrivacyLevel, secrets: Secrets) -> pb.PixelToken:
    return pb.PixelToken(
        privacy_level=cast("privacy_level_pb2.PrivacyLevel.ValueType", level.value),
        configuration_ids=["newsletter"],
        message_id=secrets.message_id,
        acceptance_time_us=microseconds_of(ACCEPTANCE_TIME),
        tags=[pb.PixelToken.Tag(key=secrets.tag, value=secrets.tag)],
        identity_id=f"{secrets.identity}@example.com",
        from_mailboxes=[f"{secrets.mailbox}@example.com"],
        to_mailboxes=[f"{secrets.recipient}@example.com"],
        date=secrets.date,
        subject=secrets.subject,
        header_message_id=f"<{secrets.header_message_id}@example.com>",
        notified_fields=[pb.PixelToken.NotifiedField(name="X-Field", value=secrets.header)],
        recipient=f"{secrets.envelope}@example.com",
    )


def kept_of_fetch(
    judge: Judge, level: PrivacyLevel, secrets: Secrets, user_agent: str, address: str
) -> KeptFetch:
    evidence = judge.judge(
        Fetch(
            ip_address=address,
            user_agent=user_agent,
            headers={"purpose": f"prefetch {secrets.user_agent}"},
            open_time=OPEN_TIME,
            acceptance_time=ACCEPTANCE_TIME,
        )
    )
    return keep_fetch(level, ip_address=address, user_agent=user_agent, evidence=evidence)


def texts_of(value: object) -> Iterator[str]:
    """Yield everything in *value* as text, whatever it consists of."""
    if isinstance(value, tuple):
        for item in value:
            yield from texts_of(item)
    else:
        yield str(value)


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
    fetch = kept_of_fetch(judge, level, secrets, user_agent, address)
    message = keep_message(message_with(level, secrets), level)
    everything = "\n".join((str(message), *texts_of(fetch)))

    assert (user_agent in everything) == (level is PrivacyLevel.FULL)
    assert (secrets.user_agent in everything) == (level is PrivacyLevel.FULL)
    for secret in secrets.correspondence():
        assert (secret in everything) == (level < PrivacyLevel.PSEUDONYMOUS)
    for secret in (secrets.message_id, secrets.tag):
        assert (secret in everything) == (level < PrivacyLevel.ANONYMOUS)
    accepted = str(microseconds_of(ACCEPTANCE_TIME))
    assert (accepted in everything) == (level < PrivacyLevel.ANONYMOUS)
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
    result = kept_of_fetch(judge, level, secrets, user_agent, str(address))
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
    result = kept_of_fetch(judge, level, secrets, "curl/8.5.0", "203.0.113.77")

    assert (result.ip_address, result.user_agent) == (address, agent)
    assert result.evidence.agent is Agent.PRIVACY_PREFETCH
    assert result.evidence.signals
    assert (result.evidence.since_acceptance is None) == (level is PrivacyLevel.ANONYMOUS)


def test_off_keeps_nothing_but_the_level() -> None:
    """At OFF nothing remains, not even whose message it was."""
    secrets = Secrets(**{field.name: "x" for field in dataclasses.fields(Secrets)})
    kept = keep_message(message_with(PrivacyLevel.OFF, secrets), PrivacyLevel.OFF)

    assert kept == pb.PixelToken(privacy_level=privacy_level_pb2.PRIVACY_LEVEL_OFF)


@pytest.mark.parametrize("level", [PrivacyLevel.PSEUDONYMOUS, PrivacyLevel.ANONYMOUS])
def test_fields_that_the_contract_does_not_have_yet_are_not_kept(level: PrivacyLevel) -> None:
    """What a newer injector seals is discarded where names are, until somebody decides."""
    secrets = Secrets(**{field.name: "x" for field in dataclasses.fields(Secrets)})
    newer = message_with(level, secrets).SerializeToString() + b"\xaa\x06\x06secret"

    kept = keep_message(pb.PixelToken.FromString(newer), level)

    assert b"secret" not in kept.SerializeToString()


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
    result = keep_fetch(
        PrivacyLevel.ANONYMOUS, ip_address="203.0.113.1", user_agent="x", evidence=evidence
    ).evidence

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
