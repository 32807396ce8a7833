"""The operator's commands, as processes beside a running service."""

import asyncio
import datetime as dt
import json
import os
import re
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

from emailopens_client import LogEnd, OpenStream
from examples.pair import pair_on_free_ports, pixel_options
from pixel_service.journal import Journals
from pixel_service.open_log import OpenLog
from pixel_service.service_status import StatusReporter
from service_runtime.admin_server import Condition
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.fixtures.postgres import Postgres
from tests.pixel.cli.running import PROGRAM, run, run_well
from tests.pixel.open_log.log_values import event_ids, new_open, new_opens
from tests.pixel.service_values import StreamService, a_log, a_token, seal, streaming


async def test_stream_prints_one_notification_a_line(service: StreamService) -> None:
    """In JSON, with the cursor that goes on, on standard error."""
    opens = [
        new_open(configuration_id="news"),
        new_open(configuration_id="shop"),
        new_open(configuration_id="news"),
    ]
    await service.log.append(opens)
    target = f"--target={service.address}"
    status, output, errors = await run(
        "stream", target, "--configuration=news", "--from=earliest", "--stop-at-head"
    )
    cursor = errors.removeprefix("cursor: ").strip()
    later = new_opens(1)
    await service.log.append(later)
    rest = await run_well("stream", target, f"--from={cursor}", "--stop-at-head")
    none = await run_well("stream", target, "--from=9999-01-01T00:00:00Z", "--stop-at-head")

    assert status == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["eventId"] for line in lines] == event_ids([opens[0], opens[2]])
    assert none == ""
    assert [json.loads(line)["eventId"] for line in rest.splitlines()] == event_ids(later)


async def test_stream_keeps_its_cursor_in_a_file(service: StreamService, tmp_path: Path) -> None:
    """Run again, it prints what has come since."""
    arguments = (
        "stream",
        f"--target={service.address}",
        "--from=earliest",
        "--stop-at-head",
        f"--cursor-file={tmp_path / 'cursor'}",
    )
    found = []
    for _ in range(2):
        opens = new_opens(3)
        await service.log.append(opens)
        output = await run_well(*arguments)
        found.append(
            [json.loads(line)["eventId"] for line in output.splitlines()] == event_ids(opens)
        )

    assert found == [True, True]


async def test_stream_of_a_subscription_acknowledges(service: StreamService) -> None:
    """What was printed is not printed again; the list shows no lag."""
    opens = new_opens(3)
    await service.log.append(opens)
    target = f"--target={service.address}"
    await run_well("subscriptions", "create", target, "crm", "--from=earliest")
    outputs = [
        await run_well("stream", target, "--subscription=crm", "--stop-at-head") for _ in range(2)
    ]
    listed = await run_well("subscriptions", "list", target)

    assert [len(output.splitlines()) for output in outputs] == [3, 0]
    assert listed.splitlines()[1].split()[:2] == ["crm", "0"]


async def test_evidence_selects_what_is_printed(service: StreamService) -> None:
    """By agent, confidence and first open, whichever way opens are asked for."""
    opens = [new_open(agent=1), new_open(agent=4, confidence=3), new_open(agent=1, confidence=1)]
    await service.log.append([*opens, new_open(agent=1, message_key=b"k" * 16)])
    target = f"--target={service.address}"
    chosen = ("--exclude-agent=scanner", "--min-confidence=medium")
    streamed = await run_well("stream", target, "--from=earliest", "--stop-at-head", *chosen)
    listed = await run_well("opens", "list", target, "--format=json", *chosen)
    first = await run_well("opens", "list", target, "--format=json", "--first-open-only")
    await run_well("subscriptions", "create", target, "crm", "--from=earliest", *chosen)
    subscribed = await run_well("stream", target, "--subscription=crm", "--stop-at-head")

    assert json.loads(streamed.splitlines()[0])["eventId"] == opens[0].event_id
    assert len(streamed.splitlines()) == 2
    assert streamed == listed == subscribed
    assert len(first.splitlines()) == 1


async def test_subscription_is_moved_and_deleted(service: StreamService) -> None:
    """Each command says what is now."""
    await service.log.append(new_opens(3))
    target = f"--target={service.address}"
    await run_well("subscriptions", "create", target, "crm")
    moved = await run_well("subscriptions", "seek", target, "crm", "--to=2020-01-01T00:00Z")
    await run_well("subscriptions", "delete", target, "crm")
    listed = await run_well("subscriptions", "list", target)

    assert moved.splitlines()[1].split()[:3] == ["crm", "3", "idle"]
    assert len(listed.splitlines()) == 1


async def test_subscription_is_paused_shown_and_resumed(service: StreamService) -> None:
    """Each command prints the subscription as it is then, and how its last stream ended."""
    await service.log.append(new_opens(2))
    target = f"--target={service.address}"
    await run_well("subscriptions", "create", target, "crm", "--from=earliest")
    await run_well("stream", target, "--subscription=crm", "--stop-at-head")
    paused = await run_well("subscriptions", "pause", target, "crm")
    shown = json.loads(await run_well("subscriptions", "show", target, "crm", "--format=json"))
    resumed = await run_well("subscriptions", "resume", target, "crm")
    listed = json.loads(await run_well("subscriptions", "list", target, "--format=json"))

    assert paused.splitlines()[1].split()[:3] == ["crm", "0", "paused"]
    assert " OK " in paused
    assert (shown["state"], shown["lastStreamEnd"]["code"]) == ("STATE_PAUSED", "OK")
    assert resumed.splitlines()[1].split()[:3] == ["crm", "0", "idle"]
    assert listed["state"] == "STATE_ACTIVE"


@pytest.mark.parametrize("given", ["--wait", "--no-wait"])
async def test_stream_waits_aloud_until_a_subscription_is_resumed(
    given: str, service: StreamService
) -> None:
    """Also where it does not wait for a service: this one is there, and somebody means it."""
    opens = new_opens(1)
    await service.log.append(opens)
    target = f"--target={service.address}"
    await run_well("subscriptions", "create", target, "crm", "--from=earliest")
    await run_well("subscriptions", "pause", target, "crm")
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "stream", target, "--subscription=crm", "--stop-at-head", given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    # On a busy machine it may have said before that the service has not answered yet.
    while (said := (await process.stderr.readline()).decode()).startswith("waiting for"):
        pass
    await run_well("subscriptions", "resume", target, "crm")
    printed, _ = await process.communicate()

    assert said == "waiting until it is resumed: the subscription crm is paused\n"
    assert [json.loads(line)["eventId"] for line in printed.splitlines()] == event_ids(opens)
    assert process.returncode == 0


async def test_table_has_a_row_for_each_open(service: StreamService) -> None:
    """For people."""
    await service.log.append(new_opens(2))
    output = await run_well("opens", "list", f"--target={service.address}", "--limit=1")

    heading, row = output.splitlines()
    assert heading.split()[:2] == ["TIME", "CONFIGURATION"]
    assert "news" in row


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stream", "--from=nonsense"], "CURSOR_MALFORMED"),
        (["stream", "--from=2026-05-04"], "has no zone"),
        (["stream", "--subscription=none"], "SUBSCRIPTION_NOT_FOUND"),
        (["subscriptions", "seek", "crm", "--to=2026-05-04T12:00"], "has no zone"),
        (["stream", "--subscription=a", "--from=latest"], "a subscription has its own start"),
        (["stream", "--subscription=a", "--first-open-only"], "a subscription has its own start"),
        (["opens", "list", "--exclude-agent=bot"], "'image-proxy'"),
        (["opens", "list", "--min-confidence=sure"], "'medium'"),
        (["subscriptions", "delete", "none"], "SUBSCRIPTION_NOT_FOUND"),
        (["subscriptions", "pause", "none"], "SUBSCRIPTION_NOT_FOUND"),
        (["subscriptions", "resume", "-"], "subscription_id"),
        (["subscriptions", "show", "none"], "SUBSCRIPTION_NOT_FOUND"),
        (["subscriptions", "create", "NO"], "subscription.id"),
        (["opens", "list", "--after-cursor=x"], "CURSOR_MALFORMED"),
        (["log", "trim"], "say --older-than-days or --max-octets"),
        (["log", "trim", "--older-than-days=1e9"], "--older-than-days"),
        (["log", "counts", "--configuration=NO"], "configuration_ids[0]"),
        (["log", "counts", "--since=today"], "--since"),
    ],
)
async def test_mistake_is_one_clear_line(
    arguments: list[str], said: str, service: StreamService
) -> None:
    """On standard error, with an exit status that says so."""
    status, output, errors = await run(*arguments, f"--target={service.address}")

    assert status in (1, 2)
    assert (output, len(errors.splitlines())) == ("", 1)
    assert errors.startswith("pixel-service: ")
    assert said in errors


@pytest.mark.parametrize("given", [(), ("--no-wait",)])
async def test_stream_ends_at_once_if_nobody_is_there(given: tuple[str, ...]) -> None:
    """Where no person watches, and where one says so, a mistake is not waited out."""
    target = pair_on_free_ports().pixel
    status, output, errors = await run("stream", f"--target={target}", *given)

    assert (status, output, len(errors.splitlines())) == (1, "", 1)
    assert errors.startswith(f"pixel-service: no pixel service at {target}: UNAVAILABLE: ")


async def test_stream_waits_aloud_and_goes_on_after_a_restart(log: OpenLog) -> None:
    """It says what it waits for, and once it has been answered no outage ends it."""
    opens = [new_open() for _ in range(2)]
    target = pair_on_free_ports().pixel
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "stream", f"--target={target}", "--from=earliest", "--wait"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = (await process.stderr.readline()).decode()
    printed = []
    for each in opens:
        async with streaming(log, listen=target):
            await log.append([each])
            printed.append(json.loads(await process.stdout.readline())["eventId"])
    process.send_signal(signal.SIGINT)
    _, rest = await process.communicate()

    assert said.startswith(f"waiting for the pixel service at {target}: UNAVAILABLE: ")
    assert printed == event_ids(opens)
    assert process.returncode == 0
    assert rest.decode().splitlines()[-1].startswith("cursor: ")


async def test_stats_say_what_the_log_holds(service: StreamService) -> None:
    """Which log it is, how much it holds, and from when to when."""
    target = f"--target={service.address}"
    empty = await run_well("log", "stats", target)
    await service.log.append(new_opens(5))
    stats = await run_well("log", "stats", target)

    assert empty.splitlines()[3:] == ["earliest   -", "latest     -"]
    lines = dict(line.split(maxsplit=1) for line in stats.splitlines())
    assert lines["log"] == f"{service.log.identity.log_id}, epoch 1"
    assert lines["opens"] == "5"
    assert dt.datetime.fromisoformat(lines["earliest"]).date() == dt.datetime.now(dt.UTC).date()
    assert "held back" not in stats


async def test_status_says_what_holds(tmp_path: Path) -> None:
    """A line for each condition; the exit status says whether all of them hold."""
    holds = True
    reporter = StatusReporter(
        journals=Journals(tmp_path / "journal"),
        conditions=lambda: [Condition(name="opens are recorded", holds=holds, detail="(why)")],
        late_seconds=lambda: 0.0,
        start_time=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    )
    async with a_log(tmp_path) as log, streaming(log, reporter=reporter) as service:
        target = f"--target={service.address}"
        well = await run_well("status", target)
        holds = False
        status, output, errors = await run("status", target)

    assert well.splitlines()[1:] == [
        "serves     since 2026-03-01T00:00:00+00:00",
        "journals   0, with 0 octets",
        "waiting    -",
        "yes        opens are recorded (why)",
    ]
    assert (status, output.splitlines()[-1]) == (1, "no         opens are recorded (why)")
    assert "not everything is as it should be" in errors


async def test_counts_are_printed_by_day_and_agent(service: StreamService) -> None:
    """In a table for people, and in JSON for programs; of some configurations if so asked."""
    await service.log.append([new_open(agent=4), new_open(configuration_id="shop"), new_open()])
    target = f"--target={service.address}"
    table = await run_well("log", "counts", target)
    objects = await run_well("log", "counts", target, "--format=json", "--configuration=news")
    none = await run_well("log", "counts", target, "--since=9999-01-01")

    heading, news, shop = table.splitlines()
    assert heading.split()[:3] == ["DAY", "OPENS", "FIRST"]
    assert (news.split()[1], news.split()[-1]) == ("2", "news")
    assert (shop.split()[1], shop.split()[-1]) == ("1", "shop")
    (found,) = [json.loads(line) for line in objects.splitlines()]
    assert (found["configurationId"], found["opens"]) == ("news", 2)
    assert found["opensByAgent"] == {"AGENT_PERSON": 1, "AGENT_SCANNER": 1}
    assert none == f"{heading}\n"


async def test_trimming_removes_what_it_says_and_names_who_lost(service: StreamService) -> None:
    """With --yes nobody is asked."""
    await service.log.append(new_opens(5))
    target = f"--target={service.address}"
    await run_well("subscriptions", "create", target, "crm", "--from=earliest")
    young = await run("log", "trim", target, "--older-than-days=1", "--yes")
    all_ = await run("log", "trim", target, "--older-than-days=0", "--yes")

    assert young == (0, "0 opens removed\n", "")
    assert all_ == (0, "5 opens removed\n", "subscription crm lost opens\n")
    assert await service.log.earliest() == await service.log.head()


async def test_nothing_is_trimmed_unasked(service: StreamService) -> None:
    """A script that does not say --yes removes nothing, and is told in one line."""
    await service.log.append(new_opens(5))
    status, output, errors = await run(
        "log", "trim", f"--target={service.address}", "--older-than-days=0"
    )

    assert (status, output) == (2, "")
    assert errors == (
        "pixel-service: nobody is there to be asked: say --yes to remove opens for good\n"
    )
    assert (await service.log.stats()).entries == 5


@pytest.mark.parametrize(
    ("answer", "status", "left"), [("y", 0, 0), ("n", 130, 5), ("", 130, 5), ("\x04", 130, 5)]
)
async def test_somebody_at_a_terminal_is_asked_before_trimming(
    answer: str, status: int, left: int, service: StreamService
) -> None:
    """What is about to go is said, and only "y" removes it."""
    await service.log.append(new_opens(5))
    terminal, side = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "log", "trim", f"--target={service.address}", "--older-than-days=0"),
            stdin=side,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        os.write(terminal, f"{answer}\n".encode())
        _, errors = await process.communicate()
    finally:
        os.close(side)
        os.close(terminal)

    assert process.returncode == status
    assert errors.decode().startswith("Remove all opens recorded before ")
    assert service.address in errors.decode()
    assert (await service.log.stats()).entries == left


@pytest.mark.parametrize("command", [["log", "stats"], ["log", "counts"], ["opens", "list"]])
async def test_wrong_target_is_one_clear_line(command: list[str]) -> None:
    """It says that the service was not reached, and where it was looked for."""
    target = pair_on_free_ports().pixel
    status, output, errors = await run(*command, f"--target={target}")

    assert (status, output, len(errors.splitlines())) == (1, "", 1)
    assert errors.startswith("pixel-service: UNAVAILABLE")
    assert target in errors


async def test_silent_target_is_waited_for_aloud() -> None:
    """An address that takes a connection and never says a word is named while it is waited for."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        target = f"127.0.0.1:{nobody.getsockname()[1]}"

        async def first_line(*command: str) -> str:
            process = await asyncio.create_subprocess_exec(
                *(str(PROGRAM), *command, f"--target={target}"),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            assert process.stderr is not None
            said = await process.stderr.readline()
            process.kill()
            await process.communicate()
            return said.decode()

        # At once, because each takes some seconds.
        said = await asyncio.gather(
            first_line("opens", "list"),
            first_line("stream"),
            first_line("opens", "export", "--format=csv"),
        )

    assert list(said) == [
        f"waiting for the service at {target}\n",
        f"waiting for the pixel service at {target}\n",
        f"waiting for the pixel service at {target}\n",
    ]


async def test_restoring_is_refused_while_the_service_runs(
    service: StreamService, tmp_path: Path
) -> None:
    """It would go on making cursors of the old epoch; migrating does no harm."""
    await run_well("log", "migrate", f"--data={tmp_path}")
    status, output, errors = await run("log", "restored", f"--data={tmp_path}")

    assert (status, output) == (1, "")
    assert errors == "pixel-service: a process has the log open: stop the service first\n"
    assert service.log.identity.epoch == 1


async def test_missing_log_is_not_made(tmp_path: Path) -> None:
    """A mistyped folder is a mistake, not a new log."""
    status, _, errors = await run("log", "restored", f"--data={tmp_path}/typo")

    assert (status, errors) == (
        1,
        f"pixel-service: there is no log in the folder {tmp_path}/typo\n",
    )
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("workers", [0, 1])
async def test_old_schema_is_one_clear_line_and_costs_no_pixel(
    workers: int, postgres: Postgres, tmp_path: Path
) -> None:
    """It says what to run; pixels are answered meanwhile, and streamed once that was run."""
    url = postgres.url_of(await postgres.create_database())
    pair, ring = pair_on_free_ports(), generate_key_ring()
    write_key_ring(tmp_path / "token_keys", ring)
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "serve",
        *pixel_options(pair, tmp_path),
        f"--log-url={url}",
        f"--workers={workers}",
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        said = []
        while b"pixel-service log migrate" not in (line := await process.stderr.readline()):
            assert line
            said.append(line)
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(f"http://{pair.pixel_http}/o/{seal(a_token(), ring)}.gif") as response,
        ):
            assert response.status == 200
        await run_well("log", "migrate", f"--log-url={url}")
        async with OpenStream(pair.pixel, position=LogEnd.EARLIEST) as opens:
            found = await anext(aiter(opens))
    finally:
        process.terminate()
        await process.communicate()

    assert not [line for line in said if b"error" in line]
    assert found.mail.message_id == "m1"


@pytest.mark.parametrize(
    "option",
    [
        "--retention-days=0",
        "--trusted-proxies=10.0.0.1/8",
        "--workers=65",
        "--page-hosts=https://opens.example.com/",
        "--page-hosts=opens.example.com,über.example",
    ],
)
async def test_wrong_setting_is_one_clear_line(option: str, tmp_path: Path) -> None:
    """It names the option."""
    status, _, errors = await run("serve", f"--data={tmp_path}", option)

    assert status == 2
    assert len(errors.splitlines()) == 1
    assert option.partition("=")[0] in errors


async def test_unreadable_keys_are_one_clear_line(tmp_path: Path) -> None:
    """The line names the file, and holds nothing of it."""
    keys = tmp_path / "keys"
    keys.write_text("1:secret", encoding="ascii")
    keys.chmod(0o600)
    for path, said in ((keys, "64"), (tmp_path / "missing", "No such file")):
        status, _, errors = await run(
            *("serve", f"--data={tmp_path}/data", "--http=127.0.0.1:0"),
            f"--token-keys-file={path}",
        )
        assert status == 1
        assert len(errors.splitlines()) == 1
        assert str(path) in errors
        assert said in errors
        assert "secret" not in errors


@pytest.mark.parametrize("option", ["--grpc", "--http", "--admin"])
async def test_no_address_is_a_wrong_use(option: str, tmp_path: Path) -> None:
    """It is named with its option before anything is made or any port is bound."""
    status, _, errors = await run("serve", f"{option}=8080", f"--data={tmp_path}/data")

    assert status == 2
    assert re.fullmatch(
        rf"pixel-service: Invalid value for '{option}'.*: '8080' is not HOST:PORT, such as .*\n",
        errors,
    )
    assert not (tmp_path / "data").exists()


async def test_misspelt_variable_is_named_with_what_was_meant(tmp_path: Path) -> None:
    """Nobody would read it: the service does not start as if it had not been set."""
    status, _, errors = await run(
        "serve", f"--data={tmp_path}/data", EMAILOPENS_PIXEL_LOGURL="postgresql://u:secret@h/d"
    )

    assert (status, errors) == (
        2,
        (
            "pixel-service: unknown in the environment: EMAILOPENS_PIXEL_LOGURL,"
            " did you mean EMAILOPENS_PIXEL_LOG_URL?\n"
        ),
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("networks", ["10.0.0.0/8,192.0.2.7", "10.0.0.0/8, 192.0.2.7", "::1/128"])
async def test_networks_of_proxies_are_a_list_with_commas(networks: str, tmp_path: Path) -> None:
    """In the environment as on the command line, where each may also be an option of its own."""
    serve = ("serve", f"--data={tmp_path}", "--token-keys=broken")
    for given, environment in (
        ((f"--trusted-proxies={networks}",), {}),
        ((), {"EMAILOPENS_PIXEL_TRUSTED_PROXIES": networks}),
    ):
        _, _, errors = await run(*serve, *given, **environment)
        assert errors == "pixel-service: line 1 is not `<key ID>:<base64url>`\n"


@pytest.mark.parametrize("command", ["serve", "log migrate", "log restored"])
async def test_postgresql_without_its_driver_says_what_to_install(
    command: str, tmp_path: Path
) -> None:
    """The driver is an extra of the distribution, whose name is in the line."""
    (tmp_path / "asyncpg.py").write_text("raise ModuleNotFoundError(name=__name__)\n")
    status, _, errors = await run(
        *command.split(),
        f"--data={tmp_path}",
        "--log-url=postgresql://u:secret@h/d",
        PYTHONPATH=str(tmp_path),
    )

    assert (status, errors) == (
        1,
        "pixel-service: postgresql needs asyncpg: pip install 'emailopens[postgres]'\n",
    )
