"""`injector-service copies`: a message for many recipients, a copy for each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import click

from emailopens.errors.v1 import error_reason_pb2
from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from injector_service.cli.message_options import (
    EXIT_NOT_TRACKED,
    message_options,
    outcome_name,
    privacy_level_to_proto,
    read_message,
    read_tags,
    tracking_to_proto,
)
from injector_service.cli.target import CALL_SECONDS, target_option
from service_runtime.cli import wait_for
from service_runtime.target import Target, connect

# What the service takes in one call.
_RECIPIENTS_OF_CALL: Final = 1_000

_Result = pb.RewriteForRecipientsResponse.Result


@click.command()
@message_options
@click.option(
    "--recipient",
    "addresses",
    multiple=True,
    metavar="ADDRESS",
    help="A recipient; may be repeated.",
)
@click.option(
    "--recipients",
    "file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Recipients, one address a line.",
)
@click.option(
    "--default-configuration",
    "default_configuration_ids",
    multiple=True,
    metavar="ID",
    help="A configuration that applies if nothing else names one; may be repeated.",
)
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the copies go; made if it is missing.",
)
@target_option
def copies(  # noqa: PLR0913 - an argument for each option
    target: Target,
    configuration_ids: Sequence[str],
    tags: Sequence[str],
    message_id: str,
    privacy_level: str | None,
    addresses: Sequence[str],
    file: IO[str] | None,
    default_configuration_ids: Sequence[str],
    folder: Path,
    *,
    is_off: bool,
) -> int:
    """Read a message, and write a copy for each recipient.

    The message comes from standard input.  The copies go into FOLDER as 0001.eml and so on,
    and standard output has a line for each: file, address, outcome and message ID, with tabs
    between them.  The exit status is 0 if all are tracked, and 3 if some are not; they can
    all be sent in both cases.
    """
    wanted = [*addresses, *_addresses(file)]
    if not wanted:
        raise click.UsageError("give --recipient or --recipients")
    raw = read_message()
    request = pb.RewriteForRecipientsRequest(
        raw_message=raw,
        configuration_ids=configuration_ids,
        default_configuration_ids=default_configuration_ids,
        tags=read_tags(tags),
        message_id=message_id,
        tracking=tracking_to_proto(is_off=is_off),
        privacy_level=privacy_level_to_proto(privacy_level),
    )
    results = wait_for(_results(target, request, wanted))
    try:
        _write(folder, raw, wanted, results)
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror}") from error
    are_tracked = all(each.pixel_url for each in results)
    return 0 if are_tracked else EXIT_NOT_TRACKED


def _write(folder: Path, raw: bytes, addresses: Sequence[str], results: Sequence[_Result]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (address, result) in enumerate(zip(addresses, results, strict=True), start=1):
        name = f"{number:04}.eml"
        (folder / name).write_bytes(_copy(raw, result))
        click.echo(f"{name}\t{address}\t{outcome_name(result.outcome)}\t{result.message_id}")
        if result.HasField("error"):
            click.echo(f"{name}: {result.error.message}", err=True)


def _addresses(file: IO[str] | None) -> Iterator[str]:
    for line in file or ():
        if address := line.strip():
            yield address


async def _results(
    target: Target, request: pb.RewriteForRecipientsRequest, addresses: Sequence[str]
) -> list[_Result]:
    """Return the results for all *addresses*, in as many calls as they take."""
    results: list[_Result] = []
    async with connect(target) as channel:
        stub = pb_grpc.InjectorServiceStub(channel)
        while len(results) < len(addresses):
            del request.recipients[:]
            for address in addresses[len(results) :][:_RECIPIENTS_OF_CALL]:
                request.recipients.add(address=address)
            response = await stub.RewriteForRecipients(request, timeout=CALL_SECONDS)
            made = [each for each in response.results if not _is_left_over(each)]
            if not made:
                raise click.ClickException("the service makes no copy of this message")
            results += made
    return results


def _is_left_over(result: _Result) -> bool:
    return result.error.reason == error_reason_pb2.ERROR_REASON_RECIPIENT_LEFT_OVER


def _copy(raw: bytes, result: _Result) -> bytes:
    pieces: list[bytes] = []
    end = 0
    for splice in result.splices:
        pieces += (raw[end : splice.offset], splice.insert)
        end = splice.offset + splice.delete_count
    return b"".join((*pieces, raw[end:]))
