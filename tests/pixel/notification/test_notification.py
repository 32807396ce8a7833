"""A notification's JSON is the model system's, field for field."""

import datetime as dt
import json
from email.utils import parseaddr
from pathlib import Path
from typing import Any, cast

import pytest
from google.protobuf import empty_pb2, json_format, unknown_fields
from hypothesis import given
from hypothesis import strategies as st

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as token_pb
from pixel_service.evidence import Agent, Client, Confidence, Evidence, Signal
from pixel_service.notification import mail_octets, number_open, open_octets
from pixel_service.notification.address import address_of
from pixel_service.privacy import PrivacyLevel, keep_fetch, keep_message
from service_runtime.times import microseconds_of

# Shaped as the documentation of Yandex Cloud Postbox shows it: concepts/notification.
MODEL = json.loads(
    (Path(__file__).parents[2] / "testdata/model_open_notification.json").read_text("utf-8")
)
OURS = {
    "mail": {"destination"},  # as Amazon SES has it
    "open": {"evidence", "burst"},
    "": {"configurationId", "privacyLevel"},
}

TOKEN = token_pb.PixelToken(
    message_id="qT5xk0nWQyKc2mJw9b7RLA",
    acceptance_time_us=1_773_040_530_250_000,
    tags=[token_pb.PixelToken.Tag(key="season", value="spring")],
    identity_id="letters@gaertnerei.example",
    from_mailboxes=["=?utf-8?q?G=C3=A4rtnerei?= <letters@gaertnerei.example>"],
    to_mailboxes=["Zofia <zofia@example.org>"],
    date="Mon, 9 Mar 2026 08:15:30 +0100",
    subject="=?utf-8?q?Erste_Bl=C3=BCten?=",
    header_message_id="<march-1@gaertnerei.example>",
    notified_fields=[
        token_pb.PixelToken.NotifiedField(name="X-Campaign", value="march"),
        token_pb.PixelToken.NotifiedField(name="X-Segment", value="garden"),
    ],
    headers_truncated=True,
)
IP_ADDRESS = "192.0.2.44"
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0"
EVIDENCE = Evidence(
    agent=Agent.PERSON,
    confidence=Confidence.MEDIUM,
    signals=(
        Signal(
            name="mail-client",
            seen="a mail client's agent",
            agent=Agent.PERSON,
            confidence=Confidence.MEDIUM,
            source="its makers",
        ),
    ),
    since_acceptance=dt.timedelta(minutes=104, seconds=31, microseconds=250_000),
    ruleset_version="7",
    client=Client(name="Thunderbird", operating_system="Linux", device=""),
    network=None,
)

OPEN_US = 1_773_046_801_500_000
EVENT_ID = "4hX_0aPz9QmLr7sV2dKfTw:0"


def kept_of(level: PrivacyLevel, changes: token_pb.PixelToken | None = None) -> token_pb.PixelToken:
    """Return what *level* keeps of the token, with the fields in *changes* as they are there."""
    token = token_pb.PixelToken()
    token.CopyFrom(TOKEN)
    for descriptor, _ in (changes or token_pb.PixelToken()).ListFields():
        token.ClearField(descriptor.name)  # type: ignore[arg-type] # a name of its own fields
    token.MergeFrom(changes or token_pb.PixelToken())
    token.privacy_level = cast("privacy_level_pb2.PrivacyLevel.ValueType", level.value)
    return keep_message(token, level)


def mail_of(kept: token_pb.PixelToken) -> pb.Mail:
    return pb.OpenNotification.FromString(mail_octets(kept, "newsletter")).mail


def kept_open(level: PrivacyLevel, *, open_us: int, since_us: int | None) -> bytes:
    kept = keep_fetch(level, ip_address=IP_ADDRESS, user_agent=USER_AGENT, evidence=EVIDENCE)
    return open_octets(kept, event_id=EVENT_ID, open_us=open_us, since_us=since_us)


def octets_of(level: PrivacyLevel, *, number: int = 1, burst: int = 1) -> bytes:
    """Return a notification as a reader gets it."""
    kept = kept_of(level)
    since_us = OPEN_US - kept.acceptance_time_us if kept.acceptance_time_us else None
    return b"".join(
        (
            mail_octets(kept, "newsletter"),
            kept_open(level, open_us=OPEN_US, since_us=since_us),
            number_open(number, burst),
        )
    )


def notification(level: PrivacyLevel, *, number: int = 1, burst: int = 1) -> pb.OpenNotification:
    """Return the same, parsed."""
    return pb.OpenNotification.FromString(octets_of(level, number=number, burst=burst))


def as_json(message: pb.OpenNotification) -> dict[str, Any]:
    return json_format.MessageToDict(message)


def parsed_times(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return *value* with times as times: the model writes more digits than protobuf."""
    if isinstance(value, dict):
        return {
            key: dt.datetime.fromisoformat(each) if key == "timestamp" else parsed_times(each)
            for key, each in value.items()
        }
    return value


def test_json_equals_the_documented_example_key_by_key() -> None:
    """Everything that the model system says is there under its name with its value."""
    ours = parsed_times(as_json(notification(PrivacyLevel.FULL)))
    model = parsed_times(MODEL)

    assert set(ours) - OURS[""] == set(model)
    assert ours["eventType"] == model["eventType"]
    assert ours["eventId"] == model["eventId"]
    for part in ("mail", "open"):
        assert set(ours[part]) - OURS[part] == set(model[part])
        for key, value in model[part].items():
            assert ours[part][key] == value, key


def test_our_own_fields_are_there() -> None:
    """The evidence, the configuration and the privacy level travel with it."""
    ours = as_json(notification(PrivacyLevel.FULL, number=1, burst=1))

    assert ours["configurationId"] == "newsletter"
    assert ours["privacyLevel"] == "PRIVACY_LEVEL_FULL"
    assert ours["open"]["burst"] == 1
    assert ours["open"]["evidence"] == {
        "agent": "AGENT_PERSON",
        "confidence": "CONFIDENCE_MEDIUM",
        "signals": [
            {
                "name": "mail-client",
                "seen": "a mail client's agent",
                "agent": "AGENT_PERSON",
                "confidence": "CONFIDENCE_MEDIUM",
                "source": "its makers",
            }
        ],
        "sinceAcceptance": "6271.250s",
        "firstOpen": True,
        "openNumber": 1,
        "rulesetVersion": "7",
        "client": {"name": "Thunderbird", "operatingSystem": "Linux"},
    }


@pytest.mark.parametrize(
    ("recipient", "to_mailboxes", "expected"),
    [
        ("", ("Zofia <zofia@example.org>",), ["zofia@example.org"]),
        ("", ("zofia@example.org",), ["zofia@example.org"]),
        ("hidden@example.org", ("undisclosed-recipients:;",), ["hidden@example.org"]),
        ("b@example.org", ("a@example.org", "b@example.org"), ["b@example.org"]),
        ("", ("a@example.org", "b@example.org"), []),
        ("", (), []),
    ],
)
def test_destination_is_the_recipients_address(
    recipient: str, to_mailboxes: tuple[str, ...], expected: list[str]
) -> None:
    """From the token, or from To when it is the only one there."""
    changes = token_pb.PixelToken(recipient=recipient, to_mailboxes=to_mailboxes)
    kept = kept_of(PrivacyLevel.FULL, changes)
    if not to_mailboxes:
        kept.ClearField("to_mailboxes")

    assert list(mail_of(kept).destination) == expected


def pieces_of(octets: bytes, *path: int) -> list[bytes]:
    """Return every piece of the message that stands at *path*, a path of field numbers."""
    if not path:
        return [octets]
    fields = unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(octets))
    each_field = (fields[index] for index in range(len(fields)))
    found = [field.data for field in each_field if field.field_number == path[0]]
    return [piece for each in found for piece in pieces_of(each, *path[1:])]


@pytest.mark.parametrize("level", [each for each in PrivacyLevel if each < PrivacyLevel.OFF])
@pytest.mark.parametrize("number", [0, 1, 127, 128, 2**31 - 1])
def test_every_message_stands_in_one_piece(level: PrivacyLevel, number: int) -> None:
    """Parsers must merge the pieces of a message, but protobuf.js keeps the last alone."""
    octets = octets_of(level, number=number, burst=number)
    parsed = pb.OpenNotification.FromString(octets)
    mail, opened = pb.OpenNotification.MAIL_FIELD_NUMBER, pb.OpenNotification.OPEN_FIELD_NUMBER

    assert (parsed.open.burst, parsed.open.evidence.open_number) == (number, number)
    for path in ((mail,), (opened,), (opened, pb.Open.EVIDENCE_FIELD_NUMBER)):
        assert len(pieces_of(octets, *path)) == 1


def test_later_open_is_not_the_first() -> None:
    """The number that the log gives decides."""
    evidence = notification(PrivacyLevel.FULL, number=2, burst=3).open.evidence

    assert (evidence.first_open, evidence.open_number) == (False, 2)


def test_custom_tag_cannot_pose_as_a_system_tag() -> None:
    """The configuration's own tag wins."""
    forged = token_pb.PixelToken.Tag(key="ses:configuration-set", value="forged")
    mail = mail_of(kept_of(PrivacyLevel.FULL, token_pb.PixelToken(tags=[forged])))

    assert list(mail.tags["ses:configuration-set"]) == ["newsletter"]


def test_headers_truncated_is_sent_only_when_true() -> None:
    """As the model has it: absent otherwise."""
    kept = kept_of(PrivacyLevel.FULL)
    kept.headers_truncated = False
    mail = json_format.MessageToDict(mail_of(kept))

    assert "headersTruncated" not in mail


def test_pseudonymous_names_nobody() -> None:
    """The message and its tags remain; addresses, subject and agent do not."""
    ours = as_json(notification(PrivacyLevel.PSEUDONYMOUS))

    assert set(ours["mail"]) == {"timestamp", "messageId", "tags"}
    assert set(ours["mail"]["tags"]) == {"season", "ses:configuration-set"}
    assert set(ours["open"]) == {"timestamp", "evidence", "burst"}


def test_anonymous_tells_no_messages_apart() -> None:
    """The configuration, the time and the evidence remain."""
    ours = as_json(notification(PrivacyLevel.ANONYMOUS, number=0, burst=0))

    assert ours["mail"] == {"tags": {"ses:configuration-set": ["newsletter"]}}
    assert set(ours["open"]) == {"timestamp", "evidence"}
    assert not {"sinceAcceptance", "firstOpen", "openNumber"} & set(ours["open"]["evidence"])


@given(
    st.datetimes(timezones=st.just(dt.UTC)),
    st.timedeltas(min_value=dt.timedelta(days=-3_000_000), max_value=dt.timedelta(days=3_000_000)),
)
def test_times_are_those_of_protobuf(time: dt.datetime, since: dt.timedelta) -> None:
    """Also before 1970, and when clocks disagree."""
    octets = kept_open(
        PrivacyLevel.FULL,
        open_us=microseconds_of(time),
        since_us=since // dt.timedelta(microseconds=1),
    )
    fetched = pb.OpenNotification.FromString(octets + number_open(1, 1)).open

    assert fetched.open_time.ToDatetime(dt.UTC) == time
    assert fetched.evidence.since_acceptance.ToTimedelta() == since
    assert json_format.MessageToJson(fetched)


_WORDS = st.text(alphabet='ab.-_ "<>@,;:()\\\\[]\u00fc\t', max_size=12)


@given(
    st.one_of(
        st.from_regex(r"[a-z.+-]{1,9}@[a-z.-]{1,9}", fullmatch=True),
        st.from_regex(r"[A-Za-z .]{0,9} ?<[a-z]{1,9}@[a-z.]{1,9}>", fullmatch=True),
        st.from_regex(r'"[A-Za-z ,@<]{0,9}" <[a-z]{1,9}@[a-z.]{1,9}>', fullmatch=True),
    )
)
def test_common_mailboxes_are_read_as_the_standard_library_does(mailbox: str) -> None:
    """The short way gives what the long one gives."""
    assert address_of(mailbox) == parseaddr(mailbox)[1]


@given(_WORDS)
def test_any_mailbox_is_read(mailbox: str) -> None:
    """Whatever stands in To, the notification is built."""
    assert isinstance(address_of(mailbox), str)


def test_the_domain_of_a_sender_is_taken_from_the_address() -> None:
    """The tag ses:from-domain holds the part after the last @."""
    sender = token_pb.PixelToken(identity_id='"a@b"@example.com')

    assert list(mail_of(kept_of(PrivacyLevel.FULL, sender)).tags["ses:from-domain"]) == [
        "example.com"
    ]


@pytest.mark.parametrize(
    "mailbox",
    [
        "u@example.org " + "(" * 1_900,
        "u@example.org " + "(" * 900 + ")" * 900,
        "(" * 6 + "x" + ")" * 6 + " Ann (a) (b) (c) <u@example.org>",
        '"(((((((((" <u@example.org> ((',
    ],
)
def test_address_is_found_among_any_number_of_comments(mailbox: str) -> None:
    """What the injector service took for the address of a To field is found in it again."""
    assert address_of(mailbox) == "u@example.org"


@pytest.mark.parametrize("unit", ["(", "()", "a:", "<", "@", '"', "\\(", "[", ","])
def test_no_mailbox_is_too_much_to_look_for_an_address_in(unit: str) -> None:
    """Whatever a message's To field holds, its opens are told of and can be erased."""
    assert isinstance(address_of(unit * (1_950 // len(unit))), str)
