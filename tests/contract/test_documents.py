"""What documents name is there: options, targets of make, decisions, other documents."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from tests.contract.imports import ROOT

# What describes the present: decisions and the changelog tell of what was, too.
DOCUMENTS: Final = sorted(
    [
        *(ROOT / "docs").glob("*.md"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
    ]
)

# Of other programs: benchmarks, buf, certbot, TypeScript's compiler.
OF_OTHERS: Final = frozenset(
    {
        "--foreign",
        "--list-methods",
        "--opens",
        "--rounds",
        "--seconds",
        "--strict",
        "--webroot",
        "--what",
    }
)


def options_of(command: click.Command, context: click.Context | None = None) -> Iterator[str]:
    """Return the options of *command* and of all its commands."""
    own = click.Context(command, parent=context)
    for parameter in command.get_params(own):
        yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(command, click.Group):
        for name in command.list_commands(own):
            below = command.get_command(own, name)
            assert below is not None
            yield from options_of(below, own)


def test_options_in_documents_exist() -> None:
    """One that was renamed is renamed where operators read of it."""
    known = {
        option
        for program in ("injector_service", "mail_bridge", "pixel_service")
        for option in options_of(importlib.import_module(f"{program}.cli.main").commands)
    }
    named = {
        (option, document.name)
        for document in DOCUMENTS
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", document.read_text("utf-8"))
    }

    assert {each for each in named if each[0] not in known | OF_OTHERS} == set()


def test_targets_in_documents_exist() -> None:
    """What is to be typed after `make` does something."""
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"`make ([a-z-]+)", document.read_text("utf-8"))
    }

    assert named - known == set()


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *sorted((ROOT / "docs/adr").glob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_to_what_they_say(document: Path) -> None:
    """Files are there, and a decision is called by its number."""
    text = document.read_text("utf-8")
    for path in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (document.parent / path).exists()
    for number, of_file in re.findall(r"\[(\d{4})\]\((?:adr/)?(\d{4})-", text):
        assert number == of_file
