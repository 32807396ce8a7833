"""InjectorService.RewriteMessage over a real channel."""

import datetime as dt
from pathlib import Path

import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from injector_service.rewriting import Pixel, Splice
from injector_service.settings import Settings
from tests.injector.running_service import Service, refused, running_service

FULL = privacy_level_pb2.PRIVACY_LEVEL_FULL
MASKED = privacy_level_pb2.PRIVACY_LEVEL_MASKED
PSEUDONYMOUS = privacy_level_pb2.PRIVACY_LEVEL_PSEUDONYMOUS
ANONYMOUS = privacy_level_pb2.PRIVACY_LEVEL_ANONYMOUS
OFF = privacy_level_pb2.PRIVACY_LEVEL_OFF
Response = pb.RewriteMessageResponse


def message(*fields: str, html: str = "<body><p>Hello</p></body>") -> bytes:
    """Return a message in HTML with common header fields and *fields*."""
    return "\r\n".join(
        [
            "From: =?utf-8?q?J=C3=B6rg?= <joerg@Example.com>",
            "To: Bob <bob@example.net>",
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
            " from us",
            "Date: Thu, 25 Apr 2024 18:08:04 +0300",
            "Message-ID: <1@example.com>",
            *fields,
            "Content-Type: text/html",
            "",
            html,
            "",
        ]
    ).encode()


async def rewrite(service: Service, raw: bytes = b"", **fields: object) -> Response:
    """Rewrite a message with the configuration `news`, unless *fields* say otherwise."""
    given: dict[str, object] = {"raw_message": raw or message(), "configuration_ids": ["news"]}
    request = pb.RewriteMessageRequest(**{**given, **fields})  # type: ignore[arg-type] # by name
    return await service.injector.RewriteMessage(request)


async def test_a_message_is_tracked_and_its_pixel_says_everything(service: Service) -> None:
    """The message comes back with one pixel more, whose token holds what the contract lists."""
    await service.create("news", notified_headers=["x-campaign", "LIST-ID"])
    raw = message("List-Id: <l.example.com>", "X-Other: no", "X-Campaign: a", "X-Campaign: b")
    before = dt.datetime.now(dt.UTC)

    answer = await rewrite(service, raw, tags={"step": "2", "campaign": "ä"}, message_id="my-1")

    token = service.unsealed(answer.pixel_url)
    assert answer.outcome == Response.OUTCOME_TRACKED
    assert (answer.message_id, list(answer.configuration_ids)) == ("my-1", ["news"])
    assert answer.privacy_level == FULL
    assert list(answer.warnings) == []
    pixel = Pixel(url=answer.pixel_url).markup()
    assert answer.raw_message == raw.replace(b"</body>", pixel + b"</body>")
    assert token.message_id == "my-1"
    assert list(token.configuration_ids) == ["news"]
    assert list(token.statistics_configuration_ids) == []
    assert token.privacy_level == FULL
    assert token.identity_id == "joerg@Example.com"
    assert list(token.from_mailboxes) == ["=?utf-8?q?J=C3=B6rg?= <joerg@Example.com>"]
    assert list(token.to_mailboxes) == ["Bob <bob@example.net>"]
    assert token.date == "Thu, 25 Apr 2024 18:08:04 +0300"
    assert token.subject == "=?utf-8?q?Gr=C3=BC=C3=9Fe?= from us"
    assert token.header_message_id == "<1@example.com>"
    assert [(tag.key, tag.value) for tag in token.tags] == [("campaign", "ä"), ("step", "2")]
    assert [(field.name, field.value) for field in token.notified_fields] == [
        ("List-Id", "<l.example.com>"),
        ("X-Campaign", "a"),
        ("X-Campaign", "b"),
    ]
    assert not token.headers_truncated
    accepted = dt.datetime.fromtimestamp(token.acceptance_time_us / 1_000_000, dt.UTC)
    assert abs(accepted - before) < dt.timedelta(minutes=1)


async def test_each_message_gets_an_id_of_its_own(service: Service) -> None:
    """Without an ID in the request one is made, answered and sealed."""
    await service.create("news")

    first, second = await rewrite(service), await rewrite(service)

    assert first.message_id != second.message_id
    assert len(first.message_id) == 22
    assert first.message_id == service.unsealed(first.pixel_url).message_id


async def test_a_url_is_short(service: Service) -> None:
    """With common headers a pixel's URL has at most 480 characters, a minimal one 140."""
    await service.create("news", pixel_base_url="https://t.example.com")
    await service.create("bare", pixel_base_url="https://t.example.com")

    common = await rewrite(service)
    minimal = await rewrite(service, configuration_ids=["bare"], privacy_level=PSEUDONYMOUS)

    assert len(common.pixel_url) <= 480
    assert len(minimal.pixel_url) <= 140


async def test_an_unparsable_address_field_is_one_mailbox(service: Service) -> None:
    """What cannot be split is given whole, and there is no identity in it."""
    await service.create("news")
    raw = message().replace(b"<joerg@Example.com>", b"<joerg@Example.com")

    answer = await rewrite(service, raw, recipients=["bob@example.net"])

    token = service.unsealed(answer.pixel_url)
    assert list(token.from_mailboxes) == ["=?utf-8?q?J=C3=B6rg?= <joerg@Example.com"]
    assert token.identity_id == ""


@pytest.mark.parametrize("raw", [message(), message().replace(b"text/html", b"text/plain")])
@pytest.mark.parametrize("fields", [(), ("X-Configuration-Id: news",)])
async def test_both_views_say_the_same(
    service: Service, raw: bytes, fields: tuple[str, ...]
) -> None:
    """Applying the splice to the input gives the message of the whole view."""
    await service.create("news")
    raw = raw.replace(b"Subject:", "".join(f"{each}\r\n" for each in fields).encode() + b"Subject:")
    options = {"message_id": "same", "privacy_level": ANONYMOUS, "configuration_ids": []}
    if not fields:
        options["configuration_ids"] = ["news"]

    whole = await rewrite(service, raw, **options)
    spliced = await rewrite(service, raw, view=pb.RewriteMessageRequest.VIEW_SPLICE, **options)

    splice = Splice(
        offset=spliced.splice.offset,
        delete_count=spliced.splice.delete_count,
        insert=spliced.splice.insert,
    )
    assert spliced.raw_message == b""
    assert whole.raw_message == splice.apply(raw)
    assert spliced.HasField("splice") == (whole.raw_message != raw)
    assert not whole.HasField("splice")


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (message().replace(b"text/html", b"text/plain"), Response.OUTCOME_NO_HTML_PART),
        (message("Cc: other@example.net"), Response.OUTCOME_SEVERAL_RECIPIENTS),
        (message().replace(b"To: Bob <bob@example.net>\r\n", b""), Response.OUTCOME_NO_RECIPIENT),
        (b"no message at all", Response.OUTCOME_MALFORMED),
    ],
)
async def test_what_cannot_be_tracked_comes_back_as_it_was(
    service: Service, raw: bytes, outcome: Response.Outcome.ValueType
) -> None:
    """Not tracked is an answer: the input, octet by octet, the reason, and no pixel."""
    await service.create("news")

    answer = await rewrite(service, raw)

    assert answer.outcome == outcome
    assert answer.raw_message == raw
    assert answer.pixel_url == ""
    assert list(answer.configuration_ids) == ["news"]
    assert answer.privacy_level == FULL
    assert answer.message_id


@pytest.mark.parametrize(
    ("raw", "recipients", "expected"),
    [
        (message(), [], ""),
        (message(), ["bob@example.net"], ""),
        (message(), ["blind@example.org"], "blind@example.org"),
        (message("Cc: c@example.org"), ["c@example.org"], "c@example.org"),
        (message().replace(b"To: Bob", b"Bcc: Bob"), [], "bob@example.net"),
    ],
    ids=["header", "envelope", "blind copy", "copy", "header's blind copy"],
)
async def test_the_recipient_is_known(
    service: Service, raw: bytes, recipients: list[str], expected: str
) -> None:
    """The token says who the recipient is, unless the only To mailbox does."""
    await service.create("news")

    answer = await rewrite(service, raw, recipients=recipients)

    assert service.unsealed(answer.pixel_url).recipient == expected


async def test_envelope_recipients_count_before_those_of_the_header(service: Service) -> None:
    """One envelope recipient is tracked whatever To says, and several are not."""
    await service.create("news")
    raw = message("Cc: other@example.net")

    one = await rewrite(service, raw, recipients=["bob@example.net", "bob@EXAMPLE.net"])
    several = await rewrite(service, raw, recipients=["bob@example.net", "Bob@example.net"])

    assert one.outcome == Response.OUTCOME_TRACKED
    assert several.outcome == Response.OUTCOME_SEVERAL_RECIPIENTS


async def test_rewriting_twice_is_rewriting_once(service: Service) -> None:
    """An own pixel in the message gives way to the new one; nothing else changes."""
    await service.create("news", privacy_level=ANONYMOUS)

    once = await rewrite(service)
    twice = await rewrite(service, once.raw_message)

    assert once.outcome == twice.outcome == Response.OUTCOME_TRACKED
    assert once.raw_message == twice.raw_message


async def test_the_first_configuration_decides_where(service: Service) -> None:
    """Base URL and placement are the first one's; both are notified, in the request's order."""
    start = configuration_pb.Configuration.PIXEL_PLACEMENT_START
    await service.create("a", pixel_base_url="https://a.example/x/", pixel_placement=start)
    await service.create("b", pixel_base_url="https://b.example")

    answer = await rewrite(service, configuration_ids=["a", "b"])
    reverse = await rewrite(service, configuration_ids=["b", "a"])

    assert answer.pixel_url.startswith("https://a.example/x/o/")
    assert b"<body><img " in answer.raw_message
    assert list(answer.configuration_ids) == ["a", "b"]
    assert list(service.unsealed(answer.pixel_url).configuration_ids) == ["a", "b"]
    assert reverse.pixel_url.startswith("https://b.example/o/")
    assert b"<p>Hello</p><img " in reverse.raw_message
    assert list(service.unsealed(reverse.pixel_url).configuration_ids) == ["b", "a"]


async def test_statistics_alone_are_counted_and_not_notified(service: Service) -> None:
    """The token keeps apart who is notified and who only counts; who does neither is left out."""
    await service.create("both", open_statistics_enabled=True, notified_headers=["List-Id"])
    await service.create(
        "count",
        open_notifications_enabled=False,
        open_statistics_enabled=True,
        notified_headers=["X-Secret"],
    )
    await service.create("none", open_notifications_enabled=False)
    raw = message("List-Id: <l>", "X-Secret: s")

    answer = await rewrite(service, raw, configuration_ids=["none", "count", "both"])

    token = service.unsealed(answer.pixel_url)
    assert list(token.configuration_ids) == ["both"]
    assert list(token.statistics_configuration_ids) == ["count"]
    assert [field.name for field in token.notified_fields] == ["List-Id"]
    assert list(answer.configuration_ids) == ["none", "count", "both"]


@pytest.mark.parametrize(
    "fields",
    [
        {"tracking": pb.RewriteMessageRequest.TRACKING_OFF},
        {"privacy_level": OFF},
        {"configuration_ids": ["neither"]},
        {"configuration_ids": ["off"]},
        {"configuration_ids": ["news", "off"]},
    ],
    ids=str,
)
async def test_tracking_can_be_turned_off(service: Service, fields: dict[str, object]) -> None:
    """Request, configurations or level can say no; the message then stays as it is."""
    await service.create("news")
    await service.create("neither", open_notifications_enabled=False)
    await service.create("off", privacy_level=OFF)

    answer = await rewrite(service, message(), **fields)

    assert answer.outcome == Response.OUTCOME_TRACKING_DISABLED
    assert answer.raw_message == message()
    assert answer.pixel_url == ""
    assert answer.message_id


@pytest.mark.parametrize(
    ("configured", "requested", "expected"),
    [
        ([FULL], privacy_level_pb2.PRIVACY_LEVEL_UNSPECIFIED, FULL),
        ([FULL, MASKED], FULL, MASKED),
        ([PSEUDONYMOUS], FULL, PSEUDONYMOUS),
        ([FULL], PSEUDONYMOUS, PSEUDONYMOUS),
        ([FULL, PSEUDONYMOUS], ANONYMOUS, ANONYMOUS),
        ([ANONYMOUS, FULL], MASKED, ANONYMOUS),
    ],
)
async def test_the_most_restrictive_level_wins(
    service: Service,
    configured: list[privacy_level_pb2.PrivacyLevel.ValueType],
    requested: privacy_level_pb2.PrivacyLevel.ValueType,
    expected: privacy_level_pb2.PrivacyLevel.ValueType,
) -> None:
    """A request can keep less than the configurations ask, and never more."""
    for index, level in enumerate(configured):
        await service.create(f"c{index}", privacy_level=level)

    answer = await rewrite(
        service,
        configuration_ids=[f"c{index}" for index in range(len(configured))],
        privacy_level=requested,
    )

    assert answer.privacy_level == expected
    assert service.unsealed(answer.pixel_url).privacy_level == expected


async def test_a_masked_token_holds_what_a_full_one_does(service: Service) -> None:
    """MASKED concerns the fetch: of the message everything is sealed."""
    await service.create("news", notified_headers=["List-Id"])
    raw = message("List-Id: <l>")

    full = service.unsealed((await rewrite(service, raw, message_id="m")).pixel_url)
    masked = service.unsealed(
        (await rewrite(service, raw, message_id="m", privacy_level=MASKED)).pixel_url
    )

    masked.privacy_level = full.privacy_level
    masked.acceptance_time_us = full.acceptance_time_us
    assert full == masked


async def test_a_pseudonymous_token_holds_no_personal_data(service: Service) -> None:
    """Message ID, tags and time are sealed; addresses, subject and header fields are not."""
    await service.create("news", privacy_level=PSEUDONYMOUS, notified_headers=["List-Id"])

    answer = await rewrite(service, message("List-Id: <l>"), message_id="m", tags={"a": "b"})

    token = service.unsealed(answer.pixel_url)
    assert {field.name for field, _ in token.ListFields()} == {
        "message_id",
        "configuration_ids",
        "acceptance_time_us",
        "privacy_level",
        "tags",
    }


async def test_an_anonymous_token_is_the_same_for_all_messages_of_a_day(service: Service) -> None:
    """Configuration and day are all there is: not even the URL tells messages apart."""
    await service.create("news", privacy_level=ANONYMOUS, notified_headers=["List-Id"])

    first = await rewrite(service, message("List-Id: <l>"), message_id="m", tags={"a": "b"})
    second = await rewrite(service, message(html="<p>Other</p>"), recipients=["x@example.org"])

    token = service.unsealed(first.pixel_url)
    assert {field.name for field, _ in token.ListFields()} == {
        "configuration_ids",
        "acceptance_time_us",
        "privacy_level",
    }
    assert token.acceptance_time_us % (24 * 60 * 60 * 1_000_000) == 0
    assert first.pixel_url == second.pixel_url


@pytest.mark.parametrize("name", ["X-Configuration-Id", "x-ses-configuration-set"])
async def test_a_header_field_chooses_the_configuration_and_goes(
    service: Service, name: str
) -> None:
    """A field that names the configuration is taken out, folded lines and all."""
    await service.create("news")
    raw = message(f"{name}:", " news").replace(b"Message-ID", b"X-Before: 1\r\nMessage-ID")

    answer = await rewrite(service, raw, configuration_ids=[], message_id="m")

    pixel = Pixel(url=answer.pixel_url).markup()
    assert answer.outcome == Response.OUTCOME_TRACKED
    assert list(answer.configuration_ids) == ["news"]
    assert answer.raw_message == raw.replace(f"{name}:\r\n news\r\n".encode(), b"").replace(
        b"</body>", pixel + b"</body>"
    )


async def test_our_header_field_wins_and_both_go(service: Service) -> None:
    """X-Configuration-Id counts before X-Ses-Configuration-Set, wherever they stand."""
    await service.create("news")
    await service.create("other")
    raw = message("X-Ses-Configuration-Set: other", "X-Configuration-Id: news")

    answer = await rewrite(service, raw, configuration_ids=[])

    assert list(answer.configuration_ids) == ["news"]
    assert b"onfiguration" not in answer.raw_message


@pytest.mark.parametrize(
    "fields",
    [
        {"tracking": pb.RewriteMessageRequest.TRACKING_OFF},
        {"recipients": ["a@example.com", "b@example.com"]},
    ],
    ids=str,
)
async def test_configuration_fields_go_from_untracked_messages_too(
    service: Service, fields: dict[str, object]
) -> None:
    """What spoke to the service alone is not sent on, tracked or not; nothing else changes."""
    await service.create("news")

    answer = await rewrite(
        service, message("X-Configuration-Id: news"), configuration_ids=[], **fields
    )

    assert answer.outcome != Response.OUTCOME_TRACKED
    assert answer.raw_message == message()


async def test_the_request_wins_over_header_fields_which_stay(service: Service) -> None:
    """With IDs in the request, header fields are not ours: they may speak to the next service."""
    await service.create("news")
    raw = message("X-Ses-Configuration-Set: nowhere")

    answer = await rewrite(service, raw)

    assert list(answer.configuration_ids) == ["news"]
    assert b"X-Ses-Configuration-Set: nowhere\r\n" in answer.raw_message


async def test_the_sender_chooses_last(service: Service) -> None:
    """Without IDs and header fields the From address counts, then its domain."""
    await service.create("domain", senders=["example.com"])
    await service.create("address", senders=["JOERG@example.com"])

    by_address = await rewrite(service, configuration_ids=[])
    by_domain = await rewrite(
        service, message().replace(b"joerg@", b"other@"), configuration_ids=[]
    )

    assert list(by_address.configuration_ids) == ["address"]
    assert list(by_domain.configuration_ids) == ["domain"]


async def test_nothing_names_a_configuration(service: Service) -> None:
    """Then the request is INVALID_ARGUMENT: it must say."""
    with refused() as refusal:
        await rewrite(service, configuration_ids=[])

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == ["configuration_ids"]


@pytest.mark.parametrize(
    "fields",
    [
        {"configuration_ids": ["news", "nowhere"]},
        {"configuration_ids": [], "raw_message": message("X-Configuration-Id: nowhere")},
    ],
    ids=["request", "header"],
)
async def test_an_unknown_configuration_is_not_found(
    service: Service, fields: dict[str, object]
) -> None:
    """A configuration that is not there is NOT_FOUND, whoever names it."""
    await service.create("news")

    with refused() as refusal:
        await rewrite(service, message(), **fields)

    assert refusal.code is grpc.StatusCode.NOT_FOUND
    assert refusal.reason == "CONFIGURATION_NOT_FOUND"
    assert refusal.metadata == {"configuration_id": "nowhere"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"raw_message": b""}, ["raw_message"]),
        ({"configuration_ids": [f"c{n}" for n in range(11)]}, ["configuration_ids"]),
        (
            {"configuration_ids": ["news", "NEWS", "news"]},
            [f"configuration_ids[{n}]" for n in (1, 2)],
        ),
        ({"recipients": ["a@example.com"] * 1_001}, ["recipients"]),
        (
            {"recipients": ["a@b.c", "", "x" * 317 + "@b.c", "not an address", "a@b.c, d@e.f"]},
            [f"recipients[{index}]" for index in range(1, 5)],
        ),
        (
            {"recipients": ["Postmaster", "Zofia <a@b.c>", "a", "@b.c", "a@", "a@b.c\n", "a@@b"]},
            [f"recipients[{index}]" for index in range(1, 7)],
        ),
        (
            {
                "recipients": [
                    '"a b@c"@d.e',
                    '"a',
                    '"\\"',
                    "\u017aofia@bücher.example",
                    "a@[::1]",
                    " a@b",
                ]
            },
            ["recipients[1]", "recipients[2]", "recipients[5]"],
        ),
        ({"recipient_mx": ["mx.example.org"] * 21}, ["recipient_mx"]),
        (
            {"recipient_mx": ["a.", "", "x" * 257, "10 mx.example.org", "mx.example.org\n", "."]},
            [f"recipient_mx[{index}]" for index in range(1, 5)],
        ),
        ({"tags": {f"k{n}": "v" for n in range(21)}}, ["tags"]),
        ({"tags": {"": "v"}}, ["tags"]),
        ({"tags": {"ses:x": "v"}}, ["tags"]),
        ({"tags": {"ä": "v"}}, ["tags"]),
        ({"tags": {"k" * 65: "v"}}, ["tags"]),
        ({"tags": {"k": ""}}, ['tags["k"]']),
        ({"tags": {"k": "v" * 129}}, ['tags["k"]']),
        ({"tags": {"k": "a\nb"}}, ['tags["k"]']),
        ({"tags": {"k": "a\x85"}}, ['tags["k"]']),
        ({"message_id": "x" * 129}, ["message_id"]),
        ({"message_id": "a b"}, ["message_id"]),
        ({"message_id": "a\n"}, ["message_id"]),
        ({"tracking": 7}, ["tracking"]),
        ({"view": 7}, ["view"]),
        ({"privacy_level": 7}, ["privacy_level"]),
        (
            {"raw_message": b"", "message_id": "?", "tags": {"k": ""}, "view": 7},
            ["view", "raw_message", 'tags["k"]', "message_id"],
        ),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_everything_wrong_is_named_at_once(
    service: Service, fields: dict[str, object], expected: list[str]
) -> None:
    """A wrong request is INVALID_ARGUMENT and names each wrong field."""
    await service.create("news")
    request = pb.RewriteMessageRequest(
        **{"raw_message": message(), "configuration_ids": ["news"], **fields}  # type: ignore[arg-type] # by name
    )

    with refused() as refusal:
        await service.injector.RewriteMessage(request)

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "INVALID_FIELD"
    assert expected == refusal.fields


async def test_the_limits_themselves_are_allowed(service: Service) -> None:
    """Exactly as much as the contract says is accepted."""
    ids = [f"c{number}" for number in range(10)]
    for configuration_id in ids:
        await service.create(configuration_id)

    answer = await rewrite(
        service,
        configuration_ids=ids,
        recipients=["a" * 312 + "@b.c.de"] * 1_000,
        tags={"k" * 64: "v" * 128},
        message_id="m" * 128,
    )

    assert answer.outcome == Response.OUTCOME_TRACKED
    assert len(service.unsealed(answer.pixel_url).configuration_ids) == 10


@pytest.mark.parametrize(
    "raw", [message(), message().replace(b"text/html", b"text/plain")], ids=["html", "text"]
)
async def test_tags_that_do_not_fit_are_invalid_whatever_the_message(
    service: Service, raw: bytes
) -> None:
    """Tags are never cut: too long in all they are refused, also where no pixel would be."""
    await service.create("news")

    with refused() as refusal:
        await rewrite(service, raw, tags={f"key-{n}": "ä" * 128 for n in range(20)})

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == ["tags"]


@pytest.mark.parametrize("octets", [10_000, 10_001, 1_000_000])
async def test_a_message_over_the_limit_is_refused(tmp_path: Path, octets: int) -> None:
    """A message over the operator's limit is RESOURCE_EXHAUSTED and says both sizes."""
    settings = Settings(grpc="127.0.0.1:0", data=tmp_path, max_message_octets=10_000)
    raw = message()
    raw += b"x" * (octets - len(raw))
    async with running_service(settings) as service:
        await service.create("news")
        if octets == 10_000:
            assert (await rewrite(service, raw)).outcome == Response.OUTCOME_TRACKED
            return
        with refused() as refusal:
            await rewrite(service, raw)

    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.reason == "MESSAGE_TOO_LARGE"
    assert refusal.metadata == {"octets": str(octets), "max_octets": "10000"}


async def test_the_largest_message_goes_through(service: Service) -> None:
    """A message of 50 MiB comes back whole, with its pixel."""
    await service.create("news")
    head = message(html="<body>")[:-2]
    raw = head + b"line of text\r\n" * ((50 * 1024 * 1024 - len(head)) // 14)

    answer = await rewrite(service, raw)

    assert answer.outcome == Response.OUTCOME_TRACKED
    assert answer.raw_message.startswith(raw[:-2])
    assert list(answer.warnings) == [Response.WARNING_LARGE_HTML]


async def test_cut_headers_are_a_warning(service: Service) -> None:
    """What the URL had no room for is said in the answer and in the token."""
    await service.create("news", notified_headers=["X-Long"])
    long_field = f"X-Long: {'x' * 300}"

    fields = await rewrite(service, message(long_field, long_field))
    subject = await rewrite(service, message().replace(b"from us", b"from us " * 400))

    assert list(fields.warnings) == [Response.WARNING_HEADERS_TRUNCATED]
    assert len(service.unsealed(fields.pixel_url).notified_fields) == 1
    assert service.unsealed(fields.pixel_url).headers_truncated
    assert list(subject.warnings) == [Response.WARNING_SUBJECT_TRUNCATED]
    assert service.unsealed(subject.pixel_url).headers_truncated


@pytest.mark.parametrize(("encoding", "most"), [("quoted-printable", 2_000), ("8bit", 920)])
async def test_url_is_as_long_as_lines_allow(service: Service, encoding: str, most: int) -> None:
    """Where nothing breaks lines, the pixel fits on one: none is over 998 octets."""
    await service.create("news")
    raw = message(f"Content-Transfer-Encoding: {encoding}")

    answer = await rewrite(service, raw.replace(b"from us", b"from us " * 400))

    assert answer.outcome == Response.OUTCOME_TRACKED
    assert most - 40 < len(answer.pixel_url) <= most
    body = answer.raw_message.partition(b"\r\n\r\n")[2]
    assert max(len(line) for line in body.split(b"\r\n")) <= 998
