"""All programs speak one language: names, order and words of their options."""

import re
from collections import defaultdict
from collections.abc import Iterator

import click
import pytest

from injector_service.cli.main import commands as injector_commands
from mail_bridge.cli.main import commands as bridge_commands
from pixel_service.cli.main import commands as pixel_commands

SERVICES = {"injector-service": injector_commands, "pixel-service": pixel_commands}
PROGRAMS = {**SERVICES, "mail-bridge": bridge_commands}

# What comes last in every help, in this order: the form of what is printed, where the
# service is and how it is spoken to, and where its data are.
LAST = (
    "--format",
    "--target",
    "--tls",
    "--ca",
    "--client-certificate",
    "--client-key",
    "--api-key-file",
    "--insecure-plaintext",
    "--data",
    "--log-url",
    "--ranges",
)


def commands_of(
    name: str, command: click.Command, parent: click.Context | None = None
) -> Iterator[tuple[click.Context, click.Command]]:
    """Yield *command* and all below it, each with the context of its help."""
    context = click.Context(command, info_name=name, parent=parent, terminal_width=80)
    yield context, command
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            yield from commands_of(each, below, context)


ALL = [each for name, commands in PROGRAMS.items() for each in commands_of(name, commands)]
IDS = [context.command_path for context, _ in ALL]


def options_of(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


@pytest.mark.parametrize(("context", "command"), ALL, ids=IDS)
def test_every_option_is_explained(context: click.Context, command: click.Command) -> None:
    """With a sentence, and a default that click writes, so that all look alike."""
    for option in options_of(command):
        assert option.help, option.name
        assert re.fullmatch(r"[A-Za-z].*[.]", option.help), option.help
        assert "[default" not in option.help
    # Nor is the line of a command cut off in the list of its group.
    assert "..." not in context.get_help().replace("[ARGS]...", "")


@pytest.mark.parametrize(("context", "command"), ALL, ids=IDS)
def test_options_come_in_one_order(context: click.Context, command: click.Command) -> None:
    """What a command is about, then how it prints, then where the service is."""
    if context.info_name == "serve":
        return
    names = [option.opts[0] for option in options_of(command)]
    last = [name for name in names if name in LAST]

    assert names[len(names) - len(last) :] == sorted(last, key=LAST.index)


@pytest.mark.parametrize(("context", "command"), ALL, ids=IDS)
def test_every_command_that_calls_takes_tls_and_a_key(
    context: click.Context, command: click.Command
) -> None:
    """Whoever can say which service to call can say how, in the same words."""
    of_calls = {"--tls", "--ca", "--api-key-file", "--insecure-plaintext"}
    names = {option.opts[0] for option in options_of(command)}

    if "--target" in names:
        assert of_calls <= names, context.command_path
    else:
        assert "--api-key-file" not in names


@pytest.mark.parametrize(("context", "command"), ALL, ids=IDS)
def test_no_key_of_a_caller_is_taken_from_a_command_line(
    context: click.Context, command: click.Command
) -> None:
    """Every user of a machine can see those: options name the files of keys."""
    for option in options_of(command):
        # Orchestrators give the key ring in the environment.
        if "key" not in option.opts[0] or option.opts == ["--token-keys"]:
            continue
        is_flag_or_file = option.is_flag or isinstance(option.type, click.Path)
        assert is_flag_or_file, (context.command_path, option.opts)


def test_the_same_option_has_the_same_form_everywhere() -> None:
    """One name is one thing, whatever program and command it is given to."""
    forms = defaultdict(set)
    for _, command in ALL:
        for option in options_of(command):
            forms[option.opts[0]].add((option.metavar or option.type.name, option.is_flag))

    place = "earliest|latest|TIME|CURSOR"
    assert {name: found for name, found in forms.items() if len(found) > 1} == {
        # A range of times; and where to begin, or to go back to, in the log.
        "--from": {("TIME", False), (place, False)},
        "--to": {("TIME", False), (place, False)},
        # Filters select what has the tag, with any value; settings set it.
        "--tag": {("KEY=VALUE", False), ("KEY[=VALUE]", False)},
    }


def test_both_services_serve_with_the_same_words() -> None:
    """What both have is called alike, in sections that come in one order."""
    helps = {
        program: next(
            context.get_help() for context, _ in ALL if context.command_path == f"{program} serve"
        )
        for program in SERVICES
    }
    sections = {name: re.findall(r"^(\w.*):$", text, re.MULTILINE) for name, text in helps.items()}
    of_both = [each for each in sections["injector-service"] if each in sections["pixel-service"]]

    assert of_both == ["Addresses", "Data and keys", "Access", "Limits", "Process", "Other"]
    assert [each for each in sections["pixel-service"] if each in of_both] == of_both
    for text in helps.values():
        assert re.search(r"^Addresses:\n  --grpc HOST:PORT ", text, re.MULTILINE)
    for option in ("--admin", "--data", "--token-keys-file", "--grace", "--log-format"):
        assert all(f"\n  {option} " in text for text in helps.values())


@pytest.mark.parametrize("program", PROGRAMS)
def test_version_is_said(program: str) -> None:
    """Both name themselves and the distribution's version."""
    (option,) = (each for each in options_of(PROGRAMS[program]) if "--version" in each.opts)

    assert option.is_eager


SPANS = [
    pytest.param(option.type, id=f"{context.command_path} {option.opts[0]}")
    for context, command in ALL
    for option in options_of(command)
    if isinstance(option.type, click.types.FloatParamType)
]


@pytest.mark.parametrize("kind", SPANS)
@pytest.mark.parametrize("text", ["inf", "nan", "1e300", "-1", "x"])
def test_number_that_no_span_of_time_has_is_refused(
    kind: "click.ParamType[float]", text: str
) -> None:
    """Before anything is done, in one line: no date is so far away."""
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)
