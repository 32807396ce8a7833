"""A notification's JSON is the model system's, field for field."""

import dataclasses
import datetime as dt
import json
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import empty_pb2, json_format, unknown_fields
from hypothesis import given
from hypothesis import strategies as st

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.evidence import Agent, Client, Confidence, Evidence, Signal
from pixel_service.mail_part import address_of, mail_part
from pixel_service.open_part import number_open, open_part
from pixel_service.privacy import Correspondence, KeptOpen, Message, PrivacyLevel, SeenOpen, keep

# Shaped as the documentation of Yandex Cloud Postbox shows it: concepts/notification.
MODEL = json.loads(
    (Path(__file__).parents[1] / "testdata/model_open_notification.json").read_text("utf-8")
)
OURS = {
    "mail": {"destination"},  # as Amazon SES has it
    "open": {"evidence", "burst"},
    "": {"configurationId", "privacyLevel"},
}

SEEN = SeenOpen(
    privacy_level=PrivacyLevel.FULL,
    open_time=dt.datetime(2026, 3, 9, 9, 0, 1, 500_000, dt.UTC),
    message=Message(
        message_id="qT5xk0nWQyKc2mJw9b7RLA",
        acceptance_time=dt.datetime(2026, 3, 9, 7, 15, 30, 250_000, dt.UTC),
        tags=(("season", "spring"),),
    ),
    correspondence=Correspondence(
        identity_id="letters@gaertnerei.example",
        from_mailboxes=("=?utf-8?q?G=C3=A4rtnerei?= <letters@gaertnerei.example>",),
        to_mailboxes=("Zofia <zofia@example.org>",),
        date="Mon, 9 Mar 2026 08:15:30 +0100",
        subject="=?utf-8?q?Erste_Bl=C3=BCten?=",
        header_message_id="<march-1@gaertnerei.example>",
        notified_fields=(("X-Campaign", "march"), ("X-Segment", "garden")),
        headers_truncated=True,
    ),
    ip_address="192.0.2.44",
    user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0",
    evidence=Evidence(
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
    ),
)


def kept(level: PrivacyLevel) -> KeptOpen:
    found = keep(dataclasses.replace(SEEN, privacy_level=level))
    assert found is not None
    return found


def octets_of(level: PrivacyLevel, *, number: int = 1, burst: int = 1) -> bytes:
    """Return a notification as a reader gets it."""
    return b"".join(
        (
            mail_part(kept(level), "newsletter"),
            open_part(kept(level), "4hX_0aPz9QmLr7sV2dKfTw:0"),
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
    correspondence = dataclasses.replace(
        SEEN.correspondence, recipient=recipient, to_mailboxes=to_mailboxes
    )
    found = keep(dataclasses.replace(SEEN, correspondence=correspondence))
    assert found is not None
    mail = pb.OpenNotification.FromString(mail_part(found, "newsletter")).mail

    assert list(mail.destination) == expected


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
    message = dataclasses.replace(SEEN.message, tags=(("ses:configuration-set", "forged"),))
    found = keep(dataclasses.replace(SEEN, message=message))
    assert found is not None
    mail = pb.OpenNotification.FromString(mail_part(found, "newsletter")).mail

    assert list(mail.tags["ses:configuration-set"]) == ["newsletter"]


def test_headers_truncated_is_sent_only_when_true() -> None:
    """As the model has it: absent otherwise."""
    correspondence = dataclasses.replace(SEEN.correspondence, headers_truncated=False)
    found = keep(dataclasses.replace(SEEN, correspondence=correspondence))
    assert found is not None
    mail = as_json(pb.OpenNotification.FromString(mail_part(found, "newsletter")))["mail"]

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
    evidence = dataclasses.replace(SEEN.evidence, since_acceptance=since)
    found = keep(dataclasses.replace(SEEN, open_time=time, evidence=evidence))
    assert found is not None
    fetched = pb.OpenNotification.FromString(open_part(found, "x:0") + number_open(1, 1)).open

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
