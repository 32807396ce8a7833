"""InjectorService.RewriteForRecipients over a real channel."""

import re

import grpc
import pytest

from emailopens.errors.v1 import error_reason_pb2
from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as token_pb
from injector_service.rewriting import Pixel
from service_runtime.message_ids import beginning_at
from tests.injector.running_service import Service, refused

Outcome = pb.RewriteMessageResponse
Result = pb.RewriteForRecipientsResponse.Result

ANN = "ann@example.org"
BOB = "bob@example.net"
INVALID_FIELD = error_reason_pb2.ERROR_REASON_INVALID_FIELD
OFF = pb.RewriteMessageRequest.TRACKING_OFF


def message(*fields: str, html: str = "<body><p>Hello</p></body>") -> bytes:
    """Return a message to two people, with *fields*."""
    lines = (
        "From: joe@example.com",
        f"To: {ANN}, {BOB}",
        "Subject: both of you",
        *fields,
        "Content-Type: text/html",
        "",
        html,
        "",
    )
    return "\r\n".join(lines).encode()


RAW = message("Message-ID: <1@example.com>")


def recipients(*addresses: str) -> list[pb.RewriteForRecipientsRequest.Recipient]:
    return [pb.RewriteForRecipientsRequest.Recipient(address=each) for each in addresses]


async def rewrite(
    service: Service, raw: bytes = RAW, /, **fields: object
) -> pb.RewriteForRecipientsResponse:
    """Rewrite for Ann and Bob with the configuration `news`, unless *fields* say otherwise."""
    given: dict[str, object] = {
        "raw_message": raw,
        "configuration_ids": ["news"],
        "recipients": recipients(ANN, BOB),
    }
    request = pb.RewriteForRecipientsRequest(**{**given, **fields})  # type: ignore[arg-type] # by name
    return await service.injector.RewriteForRecipients(request)


def copy_of(raw: bytes, result: Result) -> bytes:
    """Return the copy that *result* makes out of *raw*, by the contract's comments alone."""
    copy, end = b"", 0
    for splice in result.splices:
        assert splice.offset >= end
        copy += raw[end : splice.offset] + splice.insert
        end = splice.offset + splice.delete_count
    return copy + raw[end:]


async def test_each_recipient_gets_a_copy_with_a_pixel_that_names_it(service: Service) -> None:
    """A message to two people is tracked for each of them, in their order."""
    await service.create("news")

    response = await rewrite(service)

    assert list(response.configuration_ids) == ["news"]
    for result, address in zip(response.results, (ANN, BOB), strict=True):
        assert result.outcome == Outcome.OUTCOME_TRACKED
        assert not result.HasField("error")
        assert result.privacy_level == privacy_level_pb2.PRIVACY_LEVEL_FULL
        markup = Pixel(url=result.pixel_url).markup()
        assert copy_of(RAW, result) == RAW.replace(b"</body>", markup + b"</body>")
        token = service.unsealed(result.pixel_url)
        assert (token.recipient, token.message_id) == (address, result.message_id)
        assert list(token.to_mailboxes) == [ANN, BOB]


async def test_same_message_and_recipient_have_the_same_id_again(service: Service) -> None:
    """IDs depend on message and recipient, whatever else is in the call, and tell neither."""
    await service.create("news")

    first = await rewrite(service)
    again = await rewrite(
        service, recipients=recipients("cy@example.net", BOB.replace("example", "EXAMPLE"), ANN)
    )
    other = await rewrite(service, message("Message-ID: <2@example.com>"))

    ann, bob = (each.message_id for each in first.results)
    assert [each.message_id for each in again.results][1:] == [bob, ann]
    assert len({ann, bob, *(each.message_id for each in (*again.results, *other.results))}) == 5
    assert re.fullmatch("[A-Za-z0-9_-]{22}", ann)


async def test_identity_is_the_requests_or_the_messages_or_its_octets(service: Service) -> None:
    """What is told of the message comes first, then its Message-ID, then what it is."""
    await service.create("news")

    async def ids(raw: bytes, message_id: str = "") -> tuple[str, ...]:
        response = await rewrite(service, raw, message_id=message_id)
        return tuple(each.message_id for each in response.results)

    plain, other = message(), message(html="<p>Another</p>")
    assert await ids(RAW, "mine") == await ids(other, "mine")
    assert await ids(RAW) == await ids(RAW.replace(b"Hello", b"Bye"))
    assert await ids(plain) == await ids(plain)
    assert len({await ids(plain), await ids(other), await ids(RAW), await ids(RAW, "mine")}) == 4


@pytest.mark.parametrize(
    ("date", "beginning"),
    [
        ("Mon, 9 Mar 2026 08:15:30 +0100", beginning_at(1_773_040_530_000_000)),
        ("Mon, 9 Mar 20266 08:15:30 +0100", ""),
        ("1 Jan 99999999999999 1:1:1 +99999999", ""),
        ("whenever", ""),
    ],
)
async def test_ids_of_copies_begin_with_the_messages_date(
    service: Service, date: str, beginning: str
) -> None:
    """Sent once more on another day it has the same IDs; what is no date begins none."""
    await service.create("news")

    dated = await rewrite(service, message("Message-ID: <1@example.com>", f"Date: {date}"))
    named = await rewrite(service, message(f"Date: {date}"), message_id="mine")

    assert {each.message_id[:5].partition("~")[1] for each in dated.results} == {beginning[4:]}
    assert all(each.message_id.startswith(beginning) for each in dated.results)
    assert {len(each.message_id) for each in (*dated.results, *named.results)} == {22}
    assert "~" not in {each.message_id[4] for each in named.results}


async def test_each_copy_says_who_takes_in_its_recipients_mail(service: Service) -> None:
    """Mail exchangers are a recipient's own, and wrong names of one are that one's error."""
    await service.create("news")
    ann, bob, cy = recipients(ANN, BOB, "cy@example.net")
    ann.recipient_mx.append("eu-smtp-inbound-1.mimecast.com")
    bob.recipient_mx.append("no name")

    response = await rewrite(service, recipients=[ann, bob, cy])

    of_ann, of_bob, of_cy = response.results
    assert service.unsealed(of_ann.pixel_url).mail_provider == token_pb.MAIL_PROVIDER_MIMECAST
    assert of_bob.error.reason == INVALID_FIELD
    assert "recipients[1].recipient_mx[0]" in of_bob.error.message
    assert service.unsealed(of_cy.pixel_url).mail_provider == token_pb.MAIL_PROVIDER_UNSPECIFIED


async def test_recipient_says_what_is_different_about_its_copy(service: Service) -> None:
    """Tags, ID, tracking and level of one recipient hold for its copy alone."""
    await service.create("news")
    ann, bob, cy = recipients(ANN, BOB, "cy@example.net")
    ann.tags.update({"step": "2", "list": "a"})
    ann.message_id = "for-ann"
    bob.tracking = OFF
    cy.privacy_level = privacy_level_pb2.PRIVACY_LEVEL_PSEUDONYMOUS

    response = await rewrite(service, recipients=[ann, bob, cy], tags={"step": "1", "shop": "x"})

    of_ann, of_bob, of_cy = response.results
    token = service.unsealed(of_ann.pixel_url)
    assert of_ann.message_id == token.message_id == "for-ann"
    tags = {tag.key: tag.value for tag in token.tags}
    assert tags == {"step": "2", "list": "a", "shop": "x"}
    assert of_bob.outcome == Outcome.OUTCOME_TRACKING_DISABLED
    assert copy_of(RAW, of_bob) == RAW
    assert of_cy.privacy_level == privacy_level_pb2.PRIVACY_LEVEL_PSEUDONYMOUS
    assert service.unsealed(of_cy.pixel_url).recipient == ""
    tags = {tag.key: tag.value for tag in service.unsealed(of_cy.pixel_url).tags}
    assert tags == {"step": "1", "shop": "x"}


async def test_mistakes_of_one_recipient_are_no_mistakes_of_others(service: Service) -> None:
    """What is wrong with one recipient is said in its result, and its copy goes out untracked."""
    await service.create("news")
    wrong = recipients("no address", "a@b, c@d", ANN, ANN, ANN, ANN)
    wrong[2].tags["no key"] = "x"
    wrong[3].tags.update({f"key-{number}": "long" * 30 for number in range(15)})
    wrong[4].message_id = "no ID"
    wrong[5].privacy_level = 99  # type: ignore[assignment] # a number that is none
    raw = message("X-Configuration-Id: news")

    response = await rewrite(
        service, raw, configuration_ids=[], recipients=[*wrong, *recipients(BOB)]
    )

    *refusals, of_bob = response.results
    assert of_bob.outcome == Outcome.OUTCOME_TRACKED
    for result in refusals:
        assert result.outcome == Outcome.OUTCOME_RECIPIENT_ERROR
        assert result.error.reason == INVALID_FIELD
        assert (result.message_id, result.pixel_url, result.privacy_level) == ("", "", 0)
        assert copy_of(raw, result) == message()
    said = [re.match(r"recipients\[(\d)\]\.([a-z_]+)", each.error.message) for each in refusals]
    assert [found and found.groups() for found in said] == [
        ("0", "address"),
        ("1", "address"),
        ("2", "tags"),
        ("3", "tags"),
        ("4", "message_id"),
        ("5", "privacy_level"),
    ]


async def test_no_configuration_is_an_outcome(service: Service) -> None:
    """Where nothing names a configuration each recipient's copy is the message as it came."""
    response = await rewrite(service, configuration_ids=[])

    assert list(response.configuration_ids) == []
    assert [each.outcome for each in response.results] == [Outcome.OUTCOME_NO_CONFIGURATION] * 2
    assert [copy_of(RAW, each) for each in response.results] == [RAW, RAW]


@pytest.mark.parametrize(
    ("fields", "configuration_ids", "applied"),
    [
        ((), (), "default"),
        (("X-Configuration-Id: field",), (), "field"),
        (("Reply-To: x@example.com",), ("asked",), "asked"),
        (("X-Configuration-Id: field",), ("asked",), "asked"),
    ],
)
async def test_defaults_apply_where_nothing_else_does(
    service: Service, fields: tuple[str, ...], configuration_ids: tuple[str, ...], applied: str
) -> None:
    """Request and header field come before the defaults."""
    for name in ("default", "field", "asked"):
        await service.create(name)

    response = await rewrite(
        service,
        message(*fields),
        configuration_ids=configuration_ids,
        default_configuration_ids=["default"],
    )

    assert list(response.configuration_ids) == [applied]


async def test_senders_configuration_comes_before_the_defaults(service: Service) -> None:
    """A bound sender's configuration applies though there are defaults."""
    await service.create("default")
    await service.create("bound", senders=["joe@example.com"])

    response = await rewrite(service, configuration_ids=[], default_configuration_ids=["default"])

    assert list(response.configuration_ids) == ["bound"]


@pytest.mark.parametrize("fields", [{"tracking": OFF}, {}], ids=["off", "tracked"])
async def test_fields_meant_for_us_are_taken_out_of_every_copy(
    service: Service, fields: dict[str, object]
) -> None:
    """A header field that named the configuration reaches nobody, tracked or not."""
    await service.create("news")
    raw = message("X-Configuration-Id: news")

    response = await rewrite(service, raw, configuration_ids=[], **fields)

    for result in response.results:
        assert b"X-Configuration-Id" not in copy_of(raw, result)
        assert len(result.splices) <= 2


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"recipients": []}, ["recipients"]),
        ({"recipients": recipients(*[ANN] * 1_001)}, ["recipients"]),
        ({"raw_message": b""}, ["raw_message"]),
        ({"configuration_ids": ["news", "news"]}, ["configuration_ids[1]"]),
        ({"default_configuration_ids": ["NO"]}, ["default_configuration_ids[0]"]),
        ({"tags": {"no key": "x"}}, ["tags"]),
        ({"message_id": "no ID"}, ["message_id"]),
        ({"tracking": 99}, ["tracking"]),
        ({"privacy_level": 99}, ["privacy_level"]),
    ],
)
async def test_mistakes_of_the_request_are_named(
    service: Service, fields: dict[str, object], wrong: list[str]
) -> None:
    """What is wrong for all recipients ends the call, and each field is named."""
    await service.create("news")

    with refused() as refusal:
        await rewrite(service, **fields)

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == wrong


@pytest.mark.parametrize("field", ["configuration_ids", "default_configuration_ids"])
async def test_configuration_that_does_not_exist_is_an_error(service: Service, field: str) -> None:
    """A named configuration exists, or the call ends."""
    with refused() as refusal:
        await rewrite(service, **{"configuration_ids": [], field: ["gone"]})

    assert refusal.code is grpc.StatusCode.NOT_FOUND
    assert refusal.reason == "CONFIGURATION_NOT_FOUND"
