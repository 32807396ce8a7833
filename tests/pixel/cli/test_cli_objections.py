"""`pixel-service objections` does what ObjectionService offers."""

import json

import pytest

from tests.pixel.cli.running import run
from tests.pixel.service_values import StreamService

ANN = "--recipient=ann@example.com"


async def objections(service: StreamService, *arguments: str) -> tuple[int, str, str]:
    """Run a command for objections; return exit status, output and errors."""
    command, *others = arguments
    return await run("objections", command, f"--target={service.address}", *others)


async def test_objection_is_taken_found_and_withdrawn(service: StreamService) -> None:
    """By whoever knows the address; the list holds none."""
    _, taken, _ = await objections(service, "create", ANN)
    _, found, _ = await objections(service, "show", "--recipient=Ann <ANN@example.com>")
    _, listed, _ = await objections(service, "list", "--format=json")
    _, table, _ = await objections(service, "list")
    objection = json.loads(listed)
    withdrawn = await objections(service, "delete", f"--objection={objection['id']}", "--yes")
    _, left, _ = await objections(service, "list", "--format=json")

    assert taken == found == f"{table.splitlines()[1]}\n"
    assert taken.split()[:2] == [objection["id"], "RECIPIENT"]
    assert "ann" not in (listed + table).lower()
    assert withdrawn == (0, "", "")
    assert left == ""


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("create",), 2, "say one of --recipient and --message-id"),
        (("create", ANN, "--message-id=m1"), 2, "say one of --recipient and --message-id"),
        (("create", "--recipient=nobody"), 1, "recipient: "),
        (("show", "--message-id=m1"), 1, "OBJECTION_NOT_FOUND"),
        (("delete",), 2, "--message-id and --objection"),
        (("delete", ANN), 2, "say --yes to withdraw an objection"),
        (("delete", "--objection=x", "--yes"), 1, "objection_id: "),
    ],
)
async def test_what_is_wrong_is_said_in_a_line(
    arguments: tuple[str, ...], status: int, said: str, service: StreamService
) -> None:
    """And whoever had objected still has."""
    await objections(service, "create", ANN)
    refused, output, errors = await objections(service, *arguments)
    still, _, _ = await objections(service, "show", ANN)

    assert (refused, output, still) == (status, "", 0)
    assert len(errors.splitlines()) == 1
    assert said in errors
