"""The operator's commands about evidence, as processes of their own would run them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pixel_service.cli.evidence import evidence
from tests.fixtures.list_server import APPLE, GOOGLE, Answer, ListServer, serving_lists

GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


CATALOGUE = """
[[ranges]]
name = "apple-relay"
lists = [{ url = "HOST/apple.csv", format = "csv" }]

[[ranges]]
name = "google-image-proxy"
lists = [{ url = "HOST/google.json", format = "google" }]

[[ranges]]
name = "mail-scanners"
systems = [64500]
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(evidence, arguments)


@pytest.fixture
def ranges(tmp_path: Path) -> Path:
    folder = tmp_path / "ranges"
    folder.mkdir()
    return folder


@pytest.fixture
def lists(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, ranges: Path
) -> Iterator[ListServer]:
    """Serve lists that the catalogue in *ranges* names."""
    with serving_lists(tmp_path_factory.mktemp("lists")) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        (ranges / "ranges.toml").write_text(CATALOGUE.replace("HOST", server.url))
        server.answers |= {"/apple.csv": Answer(APPLE), "/google.json": Answer(GOOGLE)}
        yield server


def test_rules_are_printed_with_their_sources() -> None:
    """An operator reads what is looked for, what it means and why."""
    result = run("rules")

    assert result.exit_code == 0
    assert "gmail-image-proxy: IMAGE_PROXY, MEDIUM" in result.output
    assert "source  mautic/mautic#16069" in result.output
    assert "address in google" in result.output
    assert "header sec-fetch-dest is document" in result.output
    assert "other fetches of at least 5 messages by the address within a second" in result.output
    assert "other fetches by a scanner's network before: yes" in result.output
    assert "recipient behind APPRIVER | BARRACUDA" in result.output


def test_rules_are_printed_for_programs() -> None:
    """JSON holds every rule."""
    rules = json.loads(run("rules", "--format", "json").output)

    assert {"name", "agent", "confidence", "seen", "if", "atMostLow", "overrides", "source"} == set(
        rules[0]
    )
    assert "apple-mail-privacy" in {rule["name"] for rule in rules}


def test_faults_of_a_rule_file_stand_in_lines_of_their_own(tmp_path: Path) -> None:
    """Each fault is one line with the file and the rule."""
    file = tmp_path / "rules.toml"
    file.write_text('version = "1"\n[[rules]]\nname = "a"\nagent = "X"\nconfidence = "Y"\n')
    result = run("rules", "--rules", str(file))

    assert result.exit_code == 1
    *faults, last = result.stderr.splitlines()
    assert len(faults) == 5
    assert all(fault.startswith(f"{file}: rule a: ") for fault in faults)
    assert last == "Error: faults in the rules: 5"


def test_a_judgement_is_explained() -> None:
    """The agent comes first, then what speaks for it."""
    result = run("explain", "--user-agent", GMAIL, "--ip", "66.249.93.84", "--after", "3600")

    assert result.exit_code == 0
    assert result.output.startswith("IMAGE_PROXY, HIGH (rules 2026.3+")
    assert "  gmail-image-proxy-at-google: IMAGE_PROXY, HIGH\n" in result.output
    assert "  client: Gmail image proxy\n" in result.output


def test_a_judgement_is_explained_for_programs() -> None:
    """JSON holds the whole of the evidence; headers count."""
    result = run("explain", "--user-agent", "x", "--header", "Purpose: prefetch", "--format=json")
    found = json.loads(result.output)

    assert found["agent"] == "PRIVACY_PREFETCH"
    assert [signal["name"] for signal in found["signals"]] == ["purpose-prefetch", "program"]
    assert found["sinceAcceptance"] is None


@pytest.mark.parametrize(
    ("arguments", "signal"),
    [
        (["--messages", "5"], "many-messages-at-once"),
        (["--second-network"], "second-network-soon"),
        (["--scanned"], "scanned-before"),
        (["--recipient-behind", "Proofpoint"], "browser-behind-filter-soon"),
    ],
)
def test_what_was_seen_around_a_fetch_can_be_told(arguments: list[str], signal: str) -> None:
    """What other fetches and the recipient's mail exchangers show is explained, too."""
    browser = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
    plain = run("explain", "--user-agent", browser, "--after", "40")
    result = run("explain", "--user-agent", browser, "--after", "40", *arguments)

    assert result.exit_code == 0
    assert f"  {signal}: " not in plain.output
    assert f"  {signal}: " in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--after", "-1"],
        ["--after", "nan"],
        ["--after", "1e300"],
        ["--header", "prefetch"],
        ["--messages", "9"],
    ],
)
def test_a_question_without_sense_is_refused(arguments: list[str]) -> None:
    """What cannot have been seen is an error of usage."""
    result = run("explain", *arguments)

    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_ranges_are_updated_and_used(tmp_path: Path) -> None:
    """A list in Google's form becomes the range that the next judgement looks into."""
    source = tmp_path / "list.json"
    source.write_text('{"prefixes": [{"ipv4Prefix": "192.0.2.0/24"}]}')
    ranges = tmp_path / "ranges"
    update = run("update-ranges", "google-image-proxy", str(source), "--ranges", str(ranges))
    result = run(
        "explain", "--user-agent", GMAIL, "--ip", "192.0.2.1", "--after=60", "--ranges", str(ranges)
    )

    assert (update.exit_code, update.output) == (0, "google-image-proxy: 1 ranges\n")
    assert result.output.startswith("IMAGE_PROXY, HIGH")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("google", "<html>", "line 1: '<html>' is not an address range"),
        ("Google", "192.0.2.0/24", "'Google' is not a name"),
    ],
)
def test_a_bad_update_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, fault: str
) -> None:
    """An operator learns what is wrong, and nothing is written."""
    (tmp_path / "list").write_text(content)
    result = run("update-ranges", name, str(tmp_path / "list"), "--ranges", str(tmp_path / "r"))

    assert result.exit_code == 1
    assert fault in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "r").exists()


def test_all_ranges_are_updated_at_once(lists: ListServer, ranges: Path) -> None:
    """Without arguments everything that is published is fetched, and the rest said."""
    result = run("update-ranges", "--ranges", str(ranges))

    assert result.exit_code == 0
    assert result.stdout == "apple-relay: 3 ranges\ngoogle-image-proxy: 2 ranges\n"
    assert result.stderr == "mail-scanners: skipped: needs a database of autonomous systems\n"
    assert lists.asked == ["/apple.csv", "/google.json"]


def test_ranges_of_one_name_are_updated(lists: ListServer, ranges: Path) -> None:
    """A name alone fetches what is published of it."""
    result = run("update-ranges", "apple-relay", "--ranges", str(ranges))

    assert (result.exit_code, result.output) == (0, "apple-relay: 3 ranges\n")
    assert lists.asked == ["/apple.csv"]


def test_one_bad_list_does_not_keep_the_others_from_being_updated(
    lists: ListServer, ranges: Path
) -> None:
    """The bad one is said, its ranges stay, and the status tells a job that runs it."""
    lists.answers["/apple.csv"] = Answer("<html>sorry")
    result = run("update-ranges", "--ranges", str(ranges))

    assert result.exit_code == 1
    assert "google-image-proxy: 2 ranges\n" in result.stdout
    assert f"apple-relay: kept: {lists.url}/apple.csv: line 1: '<html>sorry'" in result.stderr
    assert result.stderr.endswith("Error: not updated: apple-relay\n")
    assert not (ranges / "apple-relay.txt").exists()


def test_a_name_that_nobody_publishes_needs_a_source(ranges: Path) -> None:
    """Yahoo publishes none."""
    result = run("update-ranges", "yahoo", "--ranges", str(ranges))

    assert result.exit_code == 2
    assert "'yahoo' is published nowhere" in result.stderr


@pytest.mark.usefixtures("lists")
def test_ranges_in_use_are_shown_with_their_age(ranges: Path) -> None:
    """Those that were fetched say where from, the others that they are built in."""
    run("update-ranges", "apple-relay", "--ranges", str(ranges))
    table = run("ranges", "--ranges", str(ranges)).output
    found = {
        each["name"]: each
        for each in json.loads(run("ranges", "--ranges", str(ranges), "--format=json").output)
    }

    assert re.search(r"^apple-relay +2 +0 d  from https://.*/apple.csv$", table, re.MULTILINE)
    assert re.search(r"^yahoo +4 +\d+ d  built in$", table, re.MULTILINE)
    assert (found["apple-relay"]["isBuiltIn"], found["yahoo"]["isBuiltIn"]) == (False, True)
    assert 0 <= found["apple-relay"]["ageSeconds"] < found["yahoo"]["ageSeconds"]
