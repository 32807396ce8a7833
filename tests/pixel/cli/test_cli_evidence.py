"""The operator's commands about evidence, as processes of their own would run them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pixel_service.cli.evidence import evidence

GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(evidence, arguments)


def test_rules_are_printed_with_their_sources() -> None:
    """An operator reads what is looked for, what it means and why."""
    result = run("rules")

    assert result.exit_code == 0
    assert "gmail-image-proxy: IMAGE_PROXY, MEDIUM" in result.output
    assert "source  mautic/mautic#16069" in result.output
    assert "address in google" in result.output


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
    assert [signal["name"] for signal in found["signals"]] == ["purpose-prefetch"]
    assert found["sinceAcceptance"] is None


@pytest.mark.parametrize(
    "arguments",
    [["--after", "-1"], ["--after", "nan"], ["--after", "1e300"], ["--header", "prefetch"]],
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
