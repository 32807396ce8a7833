"""Messages and their opens, put together from notifications."""

import pytest

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.page.charts import Split
from pixel_service.page.opened_messages import fetches_of, messages_of


def notification(
    event_id: str,
    *,
    message_id: str = "m1",
    configuration_id: str = "c1",
    agent: pb.Agent.ValueType = pb.AGENT_PERSON,
) -> pb.OpenNotification:
    return pb.OpenNotification(
        event_id=event_id,
        configuration_id=configuration_id,
        mail=pb.Mail(message_id=message_id),
        open=pb.Open(evidence=pb.Evidence(agent=agent)),
    )


def test_open_of_several_configurations_is_one() -> None:
    """Each has a notification, and there was one fetch."""
    found = fetches_of(
        [
            notification("a:0", configuration_id="c1"),
            notification("a:1", configuration_id="c2"),
            notification("b:0"),
        ]
    )

    assert [fetch.configuration_ids for fetch in found] == [["c1", "c2"], ["c1"]]


def test_messages_keep_their_order_and_have_their_opens() -> None:
    """Those whose opens are mixed are told apart, the one that was opened last first."""
    found = messages_of(
        [
            notification("3:0", message_id="late"),
            notification("2:0", message_id="early", agent=pb.AGENT_SCANNER),
            notification("1:0", message_id="late", agent=pb.AGENT_UNKNOWN),
        ]
    )

    assert [message.message_id for message in found] == ["late", "early"]
    assert [message.opens for message in found] == [
        Split(person=1, unknown=1),
        Split(machine=1),
    ]


def test_first_open_by_a_person_is_the_earliest_of_those() -> None:
    """A scanner that came before is no person, and a person who came later not the first."""
    (message,) = messages_of(
        [
            notification("3:0"),
            notification("2:0", agent=pb.AGENT_IMAGE_PROXY),
            notification("1:0", agent=pb.AGENT_SCANNER),
        ]
    )
    (scanned,) = messages_of([notification("1:0", agent=pb.AGENT_SCANNER)])

    assert message.first_by_a_person is not None
    assert message.first_by_a_person.notification.event_id == "2:0"
    assert scanned.first_by_a_person is None


@pytest.mark.parametrize("name", ["ses:configuration-set", "ses:from-domain"])
def test_tags_are_those_of_the_sender(name: str) -> None:
    """System tags say what is shown elsewhere."""
    opened = notification("1:0")
    opened.mail.tags[name].append("x")
    opened.mail.tags["campaign"].append("spring")
    (message,) = messages_of([opened])

    assert list(message.tags) == ["campaign=spring"]
