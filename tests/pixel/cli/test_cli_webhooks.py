"""`pixel-service webhooks` does what WebhookService offers, and nothing is lost by mistake."""

import asyncio
import datetime as dt
import json
from pathlib import Path

import pytest

from pixel_service.open_log import BEGINNING
from tests.pixel.cli.running import PROGRAM, run
from tests.pixel.open_log.log_values import event_ids, new_opens, read_all
from tests.pixel.open_log.webhook_values import new_webhook
from tests.pixel.service_values import StreamService

URL = "https://127.0.0.1/opens"
OWN_SECRET = "whsec_" + "QUJD" * 8


async def webhooks(service: StreamService, *arguments: str) -> tuple[int, str, str]:
    """Run a command for webhooks; return exit status, output and errors."""
    command, *others = arguments
    return await run("webhooks", command, f"--target={service.address}", *others)


async def well(service: StreamService, *arguments: str) -> str:
    """Run a command that must succeed and say nothing beside; return its output."""
    status, output, errors = await webhooks(service, *arguments)
    assert (status, errors) == (0, "")
    return output


async def test_webhook_is_created_looked_at_and_deleted(service: StreamService) -> None:
    """All that was asked for is kept; the secret is printed alone, and once."""
    options = ("--body=sns", "--if-refused=pause", "--first-open-only", "--configuration=news")
    secret = await well(service, "create", "crm", URL, *options, "--from=earliest")
    kept = await service.log.webhooks.get("crm")
    shown = json.loads(await well(service, "show", "crm", "--format=json"))
    heading, row = (await well(service, "list")).splitlines()
    left = await well(service, "delete", "crm", "--yes")

    assert secret == f"{kept.secrets[0].text}\n"
    assert shown["url"] == URL
    assert (shown["format"], shown["configurationIds"]) == ("FORMAT_SNS", ["news"])
    assert shown["refusedEventPolicy"] == "REFUSED_EVENT_POLICY_PAUSE"
    assert shown["filter"] == {"firstOpenOnly": True}
    assert heading.startswith("ID")
    assert row.split()[:3] == ["crm", "ok", "0"]
    assert secret.strip() not in row + str(shown)
    assert left == ""
    assert await well(service, "list", "--format=json") == ""


async def test_webhook_is_paused_moved_and_resumed(service: StreamService) -> None:
    """Each command prints the webhook as it is then."""
    await service.log.append(new_opens(3))
    await well(service, "create", "crm", URL)
    paused = await well(service, "pause", "crm")
    moved = await well(service, "replay", "crm", "--to=earliest")
    resumed = await well(service, "resume", "crm")

    rows = [output.splitlines()[1].split()[:3] for output in (paused, moved, resumed)]
    assert rows == [["crm", "paused", "0"], ["crm", "paused", "3"], ["crm", "ok", "3"]]


async def test_secrets_come_from_files_and_overlap(service: StreamService, tmp_path: Path) -> None:
    """One that the receiver has already is taken; the one before it signs no longer than said."""
    own = tmp_path / "secret"
    own.write_text(f"{OWN_SECRET}\n")
    created = await well(service, "create", "crm", URL, f"--secret-file={own}")
    rotated = await well(service, "rotate", "crm", "--overlap-hours=0")
    kept = await service.log.webhooks.get("crm")

    assert created == f"{OWN_SECRET}\n"
    assert [each.text for each in kept.secrets] == [rotated.strip()]


async def test_url_with_a_password_comes_from_standard_input(service: StreamService) -> None:
    """So that nobody on the machine sees it; nor does who lists the webhooks."""
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "webhooks", "create", f"--target={service.address}", "crm", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await process.communicate(b"https://u:pass@127.0.0.1/opens\n")
    kept = await service.log.webhooks.get("crm")
    listed = await well(service, "list")

    assert kept.url == "https://u:pass@127.0.0.1/opens"
    assert "https://u:***@127.0.0.1/opens" in listed


async def test_skipped_events_are_listed_and_can_be_sent_again(service: StreamService) -> None:
    """Replaying from the cursor that is listed with an event begins with that event."""
    opens = new_opens(3)
    await service.log.append(opens)
    places = [entry.position for entry in await read_all(service.log)]
    await well(service, "create", "crm", URL, "--from=earliest")
    (leased,) = await service.log.webhooks.lease("me", length=dt.timedelta(minutes=1))
    for number, (event_id, place) in enumerate(zip(event_ids(opens), places, strict=True)):
        await service.log.webhooks.skip(
            leased,
            "me",
            event_id=event_id,
            before=places[number - 1] if number else BEGINNING,
            up_to=place,
            error="status 422",
        )
    skipped = [
        json.loads(line)
        for line in (await well(service, "skipped", "crm", "--format=json")).splitlines()
    ]
    await well(service, "replay", "crm", f"--to={skipped[1]['cursor']}")

    assert [each["eventId"] for each in skipped] == event_ids(opens)[::-1]
    assert {each["error"] for each in skipped} == {"status 422"}
    assert (await service.log.webhooks.get("crm")).delivered == places[0]
    assert "3 " in (await well(service, "list"))


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("create", "No", URL), 1, "webhook.id: "),
        (("create", "other", "crm.example"), 1, "webhook.url: "),
        (("create", "other", URL, "--from=tomorrow"), 1, "CURSOR_MALFORMED"),
        (("create", "other", URL, "--secret-file=/dev/null"), 2, "no secret is in /dev/null"),
        (("create", "other", URL, "--secret-file=/nonexistent"), 2, "/nonexistent"),
        (("create", "crm", URL), 1, "there already is a webhook crm"),
        (("show", "gone"), 1, "there is no webhook gone"),
        (("replay", "crm"), 2, "--to"),
        (("rotate", "crm", "--overlap-hours=721"), 2, "721"),
        (("delete", "crm"), 2, "say --yes to delete a webhook"),
        (("delete", "gone", "--yes"), 1, "there is no webhook gone"),
    ],
)
async def test_what_is_wrong_is_said_in_a_line_and_changes_nothing(
    arguments: tuple[str, ...], status: int, said: str, service: StreamService
) -> None:
    """Whatever was mistaken, the webhook that is there stays as it was."""
    await service.log.webhooks.create(new_webhook())
    before = await service.log.webhooks.page(after_id="", limit=10)
    refused, output, errors = await webhooks(service, *arguments)

    assert (refused, output) == (status, "")
    assert len(errors.splitlines()) == 1
    assert said in errors
    assert await service.log.webhooks.page(after_id="", limit=10) == before
