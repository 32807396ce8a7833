"""`mail-bridge filter`: one message, for mail servers and scripts that know programs only."""

from collections.abc import Sequence

import click

from mail_bridge.filter import (
    DEFAULTS,
    MAX_DEADLINE_SECONDS,
    MAX_STATUS,
    FilterOptions,
    run_filter,
)
from mail_bridge.when_untracked import WhenUntracked
from service_runtime.spans import SECOND, Span


@click.command("filter")
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    help="Whose copy it is; of several recipients none is tracked.",
)
@click.option(
    "--when-untracked",
    type=click.Choice([each.value for each in WhenUntracked]),
    default=DEFAULTS.when_untracked.value,
    show_default=True,
    help="What happens to the message when tracking fails.",
)
@click.option(
    "--untracked-status",
    type=click.IntRange(0, MAX_STATUS),
    default=DEFAULTS.untracked_status,
    show_default=True,
    metavar="STATUS",
    help="The exit status when the message has passed without a pixel.",
)
@click.option(
    "--deadline",
    type=Span(SECOND, longest=MAX_DEADLINE_SECONDS * SECOND, min_open=True),
    default=DEFAULTS.deadline,
    show_default=True,
    metavar="SECONDS",
    help="How long the bridge is waited for.",
)
@click.option(
    "--socket",
    default=DEFAULTS.socket,
    show_default=True,
    metavar="PATH",
    help="Where the bridge answers filters: its --filter-socket.",
)
def filter_(
    recipients: Sequence[str],
    when_untracked: str,
    untracked_status: int,
    deadline: float,
    socket: str,
) -> int:
    """Read a message, put a pixel into it, and write it.

    From standard input to standard output, by way of a bridge that runs. The exit status is
    0 when the message was written, with a pixel or, if it can have none or tracking failed,
    as it was; why is said on standard error. With --when-untracked defer nothing is written
    when tracking fails, and the status is 75: try again. It is 74 when input or output fail.
    """
    return run_filter(
        FilterOptions(
            recipients=tuple(recipients),
            when_untracked=WhenUntracked(when_untracked),
            untracked_status=untracked_status,
            deadline=deadline,
            socket=socket,
        )
    )
