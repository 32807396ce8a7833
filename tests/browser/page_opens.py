"""Opens for the page to show: many, of many configurations, and of hostile messages."""

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.intake.event_id import new_open_id
from pixel_service.open_log import OpenRecord, message_key
from tests.pixel.open_log.log_values import UNNUMBERED, new_open

HOSTILE_SUBJECTS: Final = (
    "<script>window.hasRun = 1</script>",
    '"><img src=x onerror="window.hasRun = 1">',
    "</title><style>*{display:none}</style>",
    "\u202eevitsef\u202c and \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f331 Spring \U0001f468\u200d\U0001f469\u200d\U0001f467 sale \U0001f1ea\U0001f1fa",
    "=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=",
    "=?utf-8?q?=3Cscript=3Ewindow=2EhasRun=3D1=3C/script=3E?=",
    "x" * 10_000,
    "\x1b[31m\x00\x07 red",
    "",
)

_ORDINARY: Final = ("Your invoice", "What is new in spring", "Weekly digest 28", "Welcome!")

_PROVIDERS: Final = ("gmail.com", "outlook.com", "gmx.de", "example.org", "yahoo.com")

_THUNDERBIRD: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0"

# Agents with how sure one is of them, as often as they come.
_JUDGEMENTS: Final = (
    (pb.AGENT_PERSON, pb.CONFIDENCE_HIGH),
    (pb.AGENT_PERSON, pb.CONFIDENCE_MEDIUM),
    (pb.AGENT_IMAGE_PROXY, pb.CONFIDENCE_HIGH),
    (pb.AGENT_PRIVACY_PREFETCH, pb.CONFIDENCE_HIGH),
    (pb.AGENT_SCANNER, pb.CONFIDENCE_MEDIUM),
    (pb.AGENT_UNKNOWN, pb.CONFIDENCE_LOW),
)
_WEIGHTS: Final = (5, 6, 5, 4, 3, 2)

_CLIENTS: Final = ("Thunderbird", "Apple Mail", "Outlook", "Gmail", "")


def opens(
    count: int, configurations: Sequence[str], *, days: int, now: dt.datetime
) -> Iterator[OpenRecord]:
    """Yield *count* opens of the last *days*, in order: the same each time but for their IDs."""
    chance = random.Random(14)  # noqa: S311 - nothing depends on its being unknown
    first = now - dt.timedelta(days=days)
    for number in range(count):
        time = first + (now - first) * (number / count)
        message = chance.randrange(max(1, count // 3))
        yield _an_open(message, time, configurations, chance, sent=first)


def _an_open(
    message: int,
    time: dt.datetime,
    configurations: Sequence[str],
    chance: random.Random,
    *,
    sent: dt.datetime,
) -> OpenRecord:
    # Some configurations send more than others.
    configuration_id = configurations[message * message % len(configurations)]
    subjects = HOSTILE_SUBJECTS if message < len(HOSTILE_SUBJECTS) else _ORDINARY
    message_id = f"m{message}"
    event_id = f"{new_open_id(int(time.timestamp() * 1e6))}:0"
    (agent, confidence), *_ = chance.choices(_JUDGEMENTS, _WEIGHTS)
    whole = pb.OpenNotification(
        event_type="Open",
        event_id=event_id,
        configuration_id=configuration_id,
        privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
    )
    mail = whole.mail
    mail.message_id = message_id
    mail.identity_id = "news@example.com"
    mail.acceptance_time.FromDatetime(sent)
    recipient = f"reader{message}@{_PROVIDERS[message // 7 % len(_PROVIDERS)]}"
    mail.destination.append(recipient)
    mail.common_headers.to_mailboxes.append(recipient)
    mail.common_headers.subject = subjects[message % len(subjects)]
    mail.tags["campaign"].append(("spring", "summer", "autumn")[message % 3])
    whole.open.open_time.FromDatetime(time)
    whole.open.ip_address = f"203.0.113.{message % 250}"
    whole.open.user_agent = _THUNDERBIRD if message % 7 else HOSTILE_SUBJECTS[0]
    evidence = whole.open.evidence
    evidence.agent = agent
    evidence.confidence = confidence
    evidence.client.name = chance.choice(_CLIENTS)
    evidence.signals.add(
        name="mail_client",
        seen=_THUNDERBIRD,
        agent=agent,
        confidence=confidence,
        source="https://www.thunderbird.net/",
    )
    return new_open(
        event_id,
        configuration_id=configuration_id,
        open_time=time,
        message_key=message_key(message_id),
        agent=agent,
        confidence=confidence,
        notification=whole.SerializeToString() + UNNUMBERED,
    )
