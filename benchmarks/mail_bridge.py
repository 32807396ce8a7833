"""How many messages a second pass Postfix with the bridge, beside the same Postfix without it.

    python -m benchmarks.mail_bridge [--rounds 7] [--messages 600]

As root, with Debian's postfix: its own programs send and take the messages.  A filter after
the queue has Postfix do everything twice, so there is a floor beside it: Postfix that hands
mail to itself, with no filter at all in between.  All take turns, so that what else the
machine does hits all alike; ratios are medians of those to the turn without a filter in the
same round.
"""

import argparse
import contextlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import messages
from examples.pair import HOST, free_ports, pair_on_free_ports, running_pair
from tests.postfix.mail_flow_page import shown_below
from tests.postfix.postfix import Configuration, running_postfix
from tests.postfix.servers import (
    AFTER_QUEUE,
    ALL_MAIL,
    BEFORE_QUEUE,
    STRAIGHT_ON,
    Flow,
    Ports,
    create_configuration,
    running_bridge,
    running_flow,
    running_plain,
)

PLAIN: Final = "without a filter"
FLOOR: Final = "handed to itself, no filter"

# The bar: at least so many of the messages that pass without it.
LEAST: Final = 0.6

_OCTETS: Final = 10_000

# As many connections as an application server has, and as Postfix' LMTP client opens.
_AT_ONCE: Final = 20

# Between two looks at whether a queue is empty, which nothing tells.
_LOOK_SECONDS: Final = 0.01


def measured(rounds: int, count: int) -> dict[str, list[float]]:
    """Let all take turns; return the messages a second of each turn by the flows' names."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        message = folder / "message"
        message.write_bytes(messages.quoted_printable(_OCTETS).replace(b"\r\n", b"\n"))
        flows = stack.enter_context(running_flows(folder))
        turns: dict[str, list[float]] = {name: [] for name in flows}
        for flow in flows.values():
            turn(flow, message, count)
        for _ in range(rounds):
            for name, flow in flows.items():
                turns[name].append(turn(flow, message, count))
    return turns


def turn(flow: Flow, message: Path, count: int) -> float:
    """Send *count* messages; return how many a second have left Postfix for good."""
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - Postfix' own program
        [
            *("smtp-source", "-d", "-m", str(count), "-s", str(_AT_ONCE), "-F", message),
            *("-f", "robin@example.org", "-t", "reader@example.net"),
            f"{HOST}:{flow.ports.smtp}",
        ],
        check=True,
    )
    while flow.postfix.waiting():
        time.sleep(_LOOK_SECONDS)
    return count / (time.perf_counter() - began)


@contextlib.contextmanager
def running_flows(folder: Path) -> Iterator[dict[str, Flow]]:
    """Run all that is compared inside the block; yields it by its names."""
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(running_smtp_sink())
        log = stack.enter_context((folder / "log").open("wb"))
        pair = stack.enter_context(
            running_pair(pair_on_free_ports(), data=folder / "data", log=log)
        )
        create_configuration(pair.injector)
        flows = {
            PLAIN: stack.enter_context(running_plain(relay=relay)),
            FLOOR: stack.enter_context(running_floor(relay=relay)),
        }
        for section in (AFTER_QUEUE, BEFORE_QUEUE, STRAIGHT_ON):
            flow = stack.enter_context(running_flow(section, relay=relay))
            options = [*flow.bridge_options(), f"--injector={pair.injector}"]
            stack.enter_context(
                running_bridge(options, port=flow.ports.bridge, log=folder / "bridge.log")
            )
            flows[f"the bridge: {section.lower()}"] = flow
        yield flows


@contextlib.contextmanager
def running_floor(*, relay: int) -> Iterator[Flow]:
    """Run Postfix with its own second half as the filter."""
    port = free_ports(1)
    ports = Ports(bridge=port, reinjection=port, relay=relay)
    shown = shown_below(AFTER_QUEUE, ALL_MAIL)
    master = ports.put_into(shown["master.cf"]).replace(" lmtp\n", " smtp\n")
    master = master.replace("lmtp_", "smtp_") + f"{HOST}:{ports.smtp} inet n - n - - smtpd\n"
    main = ports.put_into(shown["main.cf"]).replace("inet:", "")
    with running_postfix(Configuration(relay=relay, main=main, master=master)) as postfix:
        yield Flow(postfix=postfix, ports=ports, shown=shown)


@contextlib.contextmanager
def running_smtp_sink() -> Iterator[int]:
    """Run a server inside the block that takes everything; yields its port."""
    port = free_ports(1)
    with subprocess.Popen(  # noqa: S603 - Postfix' own program
        ["smtp-sink", "-u", "postfix", f"{HOST}:{port}", "1000"]  # noqa: S607 - as above
    ) as process:
        try:
            yield port
        finally:
            process.terminate()


def main() -> int:
    """Run as a program; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=600)
    given = parser.parse_args()
    turns = measured(given.rounds, given.messages)
    are_met = True
    print(f"{'10 KB, one recipient':36}{'messages/s':>12}{'from':>7}{'to':>7}{'x':>7}")
    for name, rates in turns.items():
        ratio = statistics.median(
            own / plain for own, plain in zip(rates, turns[PLAIN], strict=True)
        )
        print(f"{name:36}{statistics.median(rates):12.0f}", end="")
        print(f"{min(rates):7.0f}{max(rates):7.0f}{ratio:7.2f}", end="")
        is_met = name in {PLAIN, FLOOR} or ratio >= LEAST
        are_met = are_met and is_met
        print("" if is_met else f"  MISSED (>= {LEAST:g})")
    return 0 if are_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
