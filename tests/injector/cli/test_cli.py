"""The command line, as processes: what it prints, how it ends, what it refuses."""

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from service_runtime.key_ring import read_key_ring
from tests.injector.grpc_api.test_injector_service import message

PROGRAM = Path(sys.executable).with_name("injector-service")
START_SECONDS = 30


def run(
    *arguments: str, stdin: bytes = b"", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the program to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=START_SECONDS,
        env={**os.environ, **(environment or {})},
    )


@contextlib.contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `serve` inside the block; yields the process and its address."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [PROGRAM, "serve", "--grpc=127.0.0.1:0", "--log-format=json", *options],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                event = json.loads(line)
                if event["event"] == "serving gRPC":
                    yield process, event["address"]
                    return
            raise AssertionError("the service ended before it served")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(START_SECONDS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("injector") / "made" / "on start"


@pytest.fixture(scope="module")
def address(data: Path) -> Iterator[str]:
    with serving(f"--data={data}") as (_, address):
        yield address


def call(address: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return run(*arguments, stdin=stdin, environment={"EMAILOPENS_INJECTOR_TARGET": address})


def says(done: subprocess.CompletedProcess[bytes], status: int, pattern: str) -> None:
    """Assert that a command failed with *status* and one line that matches *pattern*."""
    assert (done.returncode, done.stdout) == (status, b""), done
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert re.fullmatch(f"injector-service: {pattern}", lines[0]), lines[0]


def test_the_first_start_makes_a_key_ring_for_its_owner_alone(address: str, data: Path) -> None:
    """On the embedded default the folder, the database and the key ring are made."""
    assert address
    assert stat.S_IMODE((data / "token_keys").stat().st_mode) == 0o600
    assert read_key_ring(data / "token_keys").active_key_id == 1
    assert stat.S_IMODE((data / "injector.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_a_unix_socket_is_its_owners_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Commands call there as anywhere; a second service leaves it to the first."""
    # A short path: the system takes 107 octets.
    folder = tmp_path_factory.mktemp("s")
    target = f"unix:{folder}/s"
    options = (f"--data={folder}", f"--grpc={target}")
    with serving(*options) as (_, address):
        assert address == target
        assert stat.S_IMODE((folder / "s").stat().st_mode) & 0o077 == 0
        assert call(target, "configurations", "list").returncode == 0
        says(run("serve", *options), 1, f"cannot listen at {target}: taken")


def test_a_message_goes_through_rewrite(address: str) -> None:
    """The filter's output is the input with a pixel, and its status 0."""
    call(address, "configurations", "create", "news")

    done = call(address, "rewrite", "--configuration", "news", "--tag", "a=b=c", stdin=message())

    assert done.returncode == 0
    found = re.search(rb'<img src="http://127.0.0.1:8080/o/[\w-]+\.gif"[^>]*>', done.stdout)
    assert found is not None
    assert done.stdout.replace(found[0], b"") == message()
    assert re.fullmatch(rb"outcome: TRACKED\nmessage ID: [\w~-]{22}\n", done.stderr)


@pytest.mark.parametrize(
    ("options", "raw", "outcome"),
    [
        (["--off"], message(), b"TRACKING_DISABLED"),
        (["--privacy-level", "off"], message(), b"TRACKING_DISABLED"),
        (["--recipient", "a@b.c", "--recipient", "d@e.f"], message(), b"SEVERAL_RECIPIENTS"),
        ([], message().replace(b"text/html", b"text/plain"), b"NO_HTML_PART"),
        ([], b"\x00\xff\r\nnot\r\r\na message", b"MALFORMED"),
    ],
)
def test_an_untracked_message_goes_through_as_it_is(
    address: str, options: Sequence[str], raw: bytes, outcome: bytes
) -> None:
    """Not tracked: the input octet by octet, the reason on standard error, status 3."""
    call(address, "configurations", "create", "plain")

    done = call(address, "rewrite", "--configuration=plain", *options, stdin=raw)

    assert done.returncode == 3
    assert done.stdout == raw
    assert done.stderr.startswith(b"outcome: " + outcome + b"\n")


def test_warnings_are_said(address: str) -> None:
    """Each warning is a line of its own."""
    call(address, "configurations", "create", "warned")
    raw = message("DKIM-Signature: v=1", html="x" * 110_000)

    done = call(address, "rewrite", "--configuration=warned", stdin=raw)

    assert done.returncode == 0
    assert sorted(done.stderr.splitlines()[2:]) == [
        b"warning: ALREADY_DKIM_SIGNED",
        b"warning: LARGE_HTML",
    ]


def test_a_message_becomes_a_copy_for_each_recipient(address: str, tmp_path: Path) -> None:
    """Each is a file with a pixel of its own, and a line says whose it is and what became of it."""
    call(address, "configurations", "create", "copied")
    listed = tmp_path / "recipients"
    # More than one call takes.
    rest = [f"r{number}@example.org" for number in range(1_000)]
    listed.write_text("\n".join(("no address", *rest)) + "\n\n")

    done = call(
        address,
        *("copies", "--default-configuration=copied", f"--into={tmp_path}/made/here"),
        *("--recipient=ann@example.org", f"--recipients={listed}"),
        stdin=message(),
    )

    assert done.returncode == 3
    assert re.fullmatch(rb"0002\.eml: recipients\[1\]\.address: .*\n", done.stderr)
    lines = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [line[1] for line in lines] == ["ann@example.org", "no address", *rest]
    assert {line[2] for line in lines} == {"TRACKED", "RECIPIENT_ERROR"}
    copies = [(tmp_path / "made/here" / line[0]).read_bytes() for line in lines]
    assert copies[1] == message()
    assert len(set(copies)) == len(lines) == 1_002
    for copy, line in zip(copies, lines, strict=True):
        assert (len(line[3]) == 22) == (line[2] == "TRACKED")
        assert re.sub(rb'<img src="http://127.0.0.1:8080/o/[^>]*>', b"", copy) == message()


def test_configurations_through_their_life(address: str) -> None:
    """Create, get, update, list and delete do what they say."""
    created = json.loads(
        call(
            address,
            *("configurations", "create", "life", "--display-name", "Leben", "--statistics"),
            *("--senders", "a@life.example, life.example", "--notified-headers", "List-Id"),
            *("--pixel-placement", "start", "--privacy-level", "masked"),
            *("--pixel-base-url", "https://t.example.com"),
        ).stdout
    )
    got = json.loads(call(address, "configurations", "get", "life").stdout)
    updated = json.loads(
        call(
            address,
            *("configurations", "update", "life", "--etag", created["etag"]),
            *("--display-name", "", "--senders", "", "--no-notifications"),
        ).stdout
    )
    listed = call(address, "configurations", "list", "--format", "json").stdout.splitlines()
    table = call(address, "configurations", "list").stdout.decode()
    deleted = call(address, "configurations", "delete", "life", "--etag", updated["etag"])

    expected = {
        "id": "life",
        "displayName": "Leben",
        "openNotificationsEnabled": True,
        "openStatisticsEnabled": True,
        "pixelBaseUrl": "https://t.example.com",
        "pixelPlacement": "PIXEL_PLACEMENT_START",
        "privacyLevel": "PRIVACY_LEVEL_MASKED",
        "notifiedHeaders": ["List-Id"],
        "senders": ["a@life.example", "life.example"],
    }
    assert created == got
    assert {key: created[key] for key in expected} == expected
    assert {"displayName", "senders", "openNotificationsEnabled"} & updated.keys() == set()
    assert updated["notifiedHeaders"] == ["List-Id"]
    assert updated in [json.loads(line) for line in listed]
    assert re.search(r"^life +no +yes +masked$", table, re.MULTILINE)
    assert (deleted.returncode, deleted.stdout, deleted.stderr) == (0, b"", b"")
    says(
        call(address, "configurations", "get", "life"),
        1,
        r"NOT_FOUND: .* \(CONFIGURATION_NOT_FOUND, configuration_id life\)",
    )


def test_a_configuration_may_get_its_id(address: str) -> None:
    """Without an ID, create prints the one that was made."""
    created = json.loads(call(address, "configurations", "create").stdout)

    assert re.fullmatch("[a-z0-9]{16}", created["id"])
    assert created["openNotificationsEnabled"] is True


@pytest.mark.parametrize(
    ("arguments", "status", "pattern"),
    [
        (["rewrite", "--configuration=nowhere"], 1, r"NOT_FOUND: .*configuration_id nowhere\)"),
        (["rewrite"], 1, r"INVALID_ARGUMENT: configuration_ids: .*\(INVALID_FIELD\)"),
        (
            ["rewrite", "--configuration=x", "--recipient=not an address"],
            1,
            r"INVALID_ARGUMENT: recipients\[0\]: must be an address alone, .*\(INVALID_FIELD\)",
        ),
        (["rewrite", "--tag", "novalue"], 2, r"--tag novalue: must be KEY=VALUE, each key once"),
        (["rewrite", "--privacy-level", "some"], 2, r".*'some' is not one of 'full', .*"),
        (["rewrite", "--target", "127.0.0.1:1"], 1, r"UNAVAILABLE: .*"),
        (["copies", "--recipient=a@b.c"], 2, r"Missing option '--into'\."),
        (["copies", "--into=x"], 2, r"give --recipient or --recipients"),
        (["copies", "--into=x", "--recipients=no-such-file"], 2, r".*'no-such-file'.*"),
        (
            ["copies", "--into=/dev/null/x", "--recipient=a@b.c"],
            1,
            r"/dev/null/x: Not a directory",
        ),
        (
            ["copies", "--into=x", "--recipient=a@b.c", "--configuration=nowhere"],
            1,
            r"NOT_FOUND: .*configuration_id nowhere\)",
        ),
        (["configurations", "create", "BAD", "--senders", "@"], 1, r"INVALID_ARGUMENT: .*"),
        (["configurations", "update", "x"], 2, r"nothing to change"),
        (["configurations", "get"], 2, r"Missing argument.*"),
        (["frobnicate"], 2, r"No such command 'frobnicate'\."),
    ],
)
def test_wrong_use_is_one_line(
    address: str, arguments: Sequence[str], status: int, pattern: str
) -> None:
    """Errors of the caller are one line that says what is wrong: status 1 or, for usage, 2."""
    says(call(address, *arguments, stdin=message()), status, pattern)


def test_a_person_is_told_what_is_waited_for(address: str) -> None:
    """At a terminal nothing would show that a message is to be typed."""
    call(address, "configurations", "create", "typed")
    ours, terminal = os.openpty()
    os.write(ours, message().replace(b"\r\n", b"\n") + b"\n\x04")
    done = subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, "rewrite", f"--target={address}", "--configuration=typed"],
        stdin=terminal,
        capture_output=True,
        check=False,
        timeout=START_SECONDS,
    )
    os.close(terminal)
    os.close(ours)

    assert done.stderr.startswith(b"reading a message from the terminal; Ctrl-D ends it\n")
    assert b"outcome: TRACKED\n" in done.stderr


def test_an_empty_message_is_refused(address: str) -> None:
    """Nothing on standard input is an error, and nothing is written."""
    call(address, "configurations", "create", "empty")

    says(
        call(address, "rewrite", "--configuration=empty"),
        1,
        r"standard input is empty: it must be a message",
    )


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (["--token-keys-file={tmp}/none"], r".*/none: No such file or directory"),
        (["--token-keys-file={tmp}/bad"], r".*/bad: line 1 is not `<key ID>:<base64url>`"),
        (["--token-keys=1:AAAA"], r"key 1 has 3 octets instead of 64"),
        (["--token-keys=1:AAAA", "--token-keys-file={tmp}/bad"], r"give the token keys or .*"),
        (["--data={tmp}/bad/data"], r"data folder .*/bad/data: Not a directory"),
        (["--data=/proc/none"], r"data folder /proc/none: No such file or directory"),
        (["--database-url=mysql://u:secret@h/d"], r"the database URL must start with .*"),
        (["--database-url=postgresql://u:secret@127.0.0.1:1/d"], r"cannot open the database: .*"),
        (["--pixel-base-url=ftp://x"], r"the pixel base URL must be an http or https URL .*"),
        (["--grpc=192.0.2.1:50051"], r"cannot listen at 192.0.2.1:50051: Cannot assign .*"),
    ],
)
def test_a_service_that_cannot_start_says_why(
    tmp_path: Path, options: Sequence[str], pattern: str
) -> None:
    """What is missing or wrong at start is one line, status 1, and no secret in it."""
    (tmp_path / "bad").write_text("not a key\n")
    (tmp_path / "bad").chmod(0o600)
    given = [option.format(tmp=tmp_path) for option in options]

    done = run("serve", "--grpc=127.0.0.1:0", f"--data={tmp_path}/data", *given)

    says(done, 1, pattern)
    assert b"secret" not in done.stderr


def test_a_port_in_use_is_said(address: str, tmp_path: Path) -> None:
    """A second service at the same address does not start."""
    done = run("serve", f"--grpc={address}", f"--data={tmp_path}")

    says(done, 1, f"cannot listen at {address}: Address already in use")


def test_services_on_one_folder_share_configurations(address: str, data: Path) -> None:
    """A second process on the same data mints with the same keys and knows the configurations."""
    call(address, "configurations", "create", "shared")

    with serving(f"--data={data}") as (_, other):
        done = call(other, "rewrite", "--configuration=shared", stdin=message())

    assert done.returncode == 0


def test_a_service_ends_on_sigterm(tmp_path: Path) -> None:
    """The process ends by itself with status 0."""
    with serving(f"--data={tmp_path}") as (process, _):
        pass

    assert process.returncode == 0


def test_settings_come_from_the_environment_too(tmp_path: Path) -> None:
    """Each option of serve has its variable, which --help names."""
    text = run("serve", "--help").stdout.decode()

    done = run(
        "serve",
        environment={
            "EMAILOPENS_INJECTOR_DATA": str(tmp_path),
            "EMAILOPENS_INJECTOR_TOKEN_KEYS": "broken",
        },
    )

    says(done, 1, r"line 1 is not `<key ID>:<base64url>`")
    names = re.findall(r"^  --([a-z-]+)", text, re.MULTILINE)
    flat = "".join(text.split())
    for name in names:
        assert f"EMAILOPENS_INJECTOR_{name.upper().replace('-', '_')}" in flat, name


@pytest.mark.parametrize("option", ["--grpc", "--admin"])
@pytest.mark.parametrize("given", ["8080", "localhost", "127.0.0.1:http", ":0"])
def test_no_address_is_a_wrong_use(option: str, given: str, tmp_path: Path) -> None:
    """It is named with its option before anything is made or any port is bound."""
    done = run("serve", f"{option}={given}", f"--data={tmp_path}/data")

    says(done, 2, rf"Invalid value for '{option}'.*: '{given}' is not HOST:PORT, such as .*")
    assert not (tmp_path / "data").exists()


def test_misspelt_variable_is_named_with_what_was_meant(tmp_path: Path) -> None:
    """Nobody would read it: the service does not start as if it had not been set."""
    done = run(
        "serve",
        f"--data={tmp_path}/data",
        environment={
            "EMAILOPENS_INJECTOR_DATABASEURL": "postgresql://u:secret@h/d",
            "EMAILOPENS_INJECTOR_FROBNICATE": "1",
        },
    )

    says(
        done,
        2,
        r"unknown in the environment: EMAILOPENS_INJECTOR_DATABASEURL, did you mean"
        r" EMAILOPENS_INJECTOR_DATABASE_URL\?; EMAILOPENS_INJECTOR_FROBNICATE",
    )
    assert not (tmp_path / "data").exists()


def test_variables_of_kubernetes_and_of_clients_stop_nobody(tmp_path: Path) -> None:
    """Kubernetes sets variables for its services, and clients may share the environment."""
    done = run(
        "serve",
        f"--data={tmp_path}",
        "--token-keys=broken",
        environment={
            "EMAILOPENS_INJECTOR_TARGET": "injector:50051",
            "EMAILOPENS_INJECTOR_SERVICE_HOST": "10.0.0.1",
            "EMAILOPENS_INJECTOR_SERVICE_PORT_GRPC": "50051",
            "EMAILOPENS_INJECTOR_PORT": "tcp://10.0.0.1:50051",
            "EMAILOPENS_INJECTOR_PORT_50051_TCP_ADDR": "10.0.0.1",
        },
    )

    says(done, 1, r"line 1 is not `<key ID>:<base64url>`")


def test_postgresql_without_its_driver_says_what_to_install(tmp_path: Path) -> None:
    """The driver is an extra of the distribution, whose name is in the line."""
    (tmp_path / "asyncpg.py").write_text("raise ModuleNotFoundError(name=__name__)\n")
    done = run(
        "serve",
        f"--data={tmp_path}/data",
        "--database-url=postgresql://u:secret@h/d",
        environment={"PYTHONPATH": str(tmp_path)},
    )

    says(done, 1, r"postgresql needs asyncpg: pip install 'emailopens\[postgres\]'")


def test_keys_are_made_listed_and_rotated_without_being_shown(tmp_path: Path) -> None:
    """Keys go to their file, of mode 0600, and only their fingerprints to the terminal."""
    file = tmp_path / "keys"
    option = f"--file={file}"

    generated = run("token-keys", "generate", option)
    first = read_key_ring(file)
    again = run("token-keys", "generate", option)
    rotated = run("token-keys", "rotate", option)
    second = read_key_ring(file)
    listed = run("token-keys", "list", option)

    assert (generated.returncode, rotated.returncode, listed.returncode) == (0, 0, 0)
    says(again, 1, r".*/keys: already exists")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (first.active_key_id, second.active_key_id) == (1, 2)
    assert second.keys[1] == first.keys[1]
    assert re.fullmatch(r"  1  [0-9a-f]{12}\n  2  [0-9a-f]{12}  mints\n", listed.stdout.decode())
    shown = b"".join(each.stdout + each.stderr for each in (generated, again, rotated, listed))
    for line in file.read_text().splitlines():
        assert line.partition(":")[2].encode() not in shown


def test_a_key_ring_can_be_printed_for_the_environment(tmp_path: Path) -> None:
    """Asked to, generate prints a ring and writes no file."""
    done = run("token-keys", "generate", "--print", f"--file={tmp_path}/keys")

    assert re.fullmatch(rb"1:[\w=-]{86,88}\n", done.stdout)
    assert not (tmp_path / "keys").exists()


def test_a_missing_key_ring_is_said(tmp_path: Path) -> None:
    """List and rotate need a key ring."""
    says(run("token-keys", "list", f"--file={tmp_path}/x"), 1, r".*/x: No such file or directory")
    says(run("token-keys", "rotate", f"--file={tmp_path}/x"), 1, r".*/x: No such file or directory")


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["serve"],
        ["rewrite"],
        ["copies"],
        ["configurations"],
        *(["configurations", name] for name in ("create", "get", "list", "update", "delete")),
        ["token-keys"],
        *(["token-keys", name] for name in ("generate", "list", "rotate")),
    ],
    ids=" ".join,
)
def test_help_is_everywhere(command: Sequence[str]) -> None:
    """Every command explains itself and each of its options."""
    done = run(*command, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith(b"Usage: injector-service")


def test_commands_start_without_loading_the_service() -> None:
    """What only `serve` needs is loaded by `serve` alone."""
    code = "import sys, injector_service.cli.main; print(*sys.modules)"

    loaded = subprocess.run(  # noqa: S603 - our own interpreter and words
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()

    for name in ("rewriting", "configurations", "pixels", "grpc_api", "server"):
        assert f"injector_service.{name}" not in loaded
    assert not {"sqlalchemy", "alembic", "aiohttp", "cryptography"} & set(loaded)
