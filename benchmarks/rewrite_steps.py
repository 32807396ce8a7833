"""Where the time of a rewriting goes, in microseconds.

    python -m benchmarks.rewrite_steps

The steps of `benchmarks.rewrite`'s two small messages one by one, the best of some
rounds; what they leave of the whole is calls, values and checks between them.
"""

import timeit
from collections.abc import Callable
from typing import Final

from benchmarks import messages
from benchmarks.rewrite import PIXEL, ours
from injector_service.rewriting import Outcome, Placement
from injector_service.rewriting.budget import Budget
from injector_service.rewriting.charset import read_text
from injector_service.rewriting.mime import find_html_part
from injector_service.rewriting.mime.header import read_header
from injector_service.rewriting.plan import plan_edits
from injector_service.rewriting.transfer_encoding import read_body
from service_runtime.allocator import keep_large_blocks

ROUNDS: Final = 7
TIMES: Final = 1_000


def best(step: Callable[[], object]) -> float:
    """Return the microseconds of *step*."""
    return min(timeit.repeat(step, number=TIMES, repeat=ROUNDS)) / TIMES * 1e6


def print_steps(name: str, raw: bytes) -> None:
    """Print what the steps of rewriting *raw* take."""
    header = read_header(raw, 0, len(raw))
    assert header is not None
    part = find_html_part(raw, header, Budget(len(raw)))
    assert not isinstance(part, Outcome)
    encoded = raw[part.start : part.end]
    body = read_body(encoded, part.transfer_encoding, line_end=part.line_end)
    assert not isinstance(body, Outcome)
    text = read_text(body.octets, part.charset, Budget(len(raw)))
    assert not isinstance(text, Outcome)

    def plan() -> object:
        return plan_edits(
            text.view, Placement.END, lambda _token: False, Budget(len(raw)), line_end=None
        )

    found = plan_edits(
        text.view, Placement.END, lambda _token: False, Budget(len(raw)), line_end=None
    )
    assert not isinstance(found, Outcome)
    edits = found.edits(text.view, PIXEL.markup())
    for step, microseconds in (
        ("whole", best(lambda: ours(raw))),
        ("read the header", best(lambda: read_header(raw, 0, len(raw)))),
        ("find the HTML part", best(lambda: find_html_part(raw, header, Budget(len(raw))))),
        (
            "decode its body",
            best(lambda: read_body(encoded, part.transfer_encoding, line_end=part.line_end)),
        ),
        ("decide where the pixel goes", best(plan)),
        ("encode it", best(lambda: body.encoded_edits(edits))),
        ("copy the text in lower case", best(text.view.lower)),
    ):
        print(f"{name:24} {step:30} {microseconds:7.1f}")


def main() -> None:
    """Print the steps of both messages."""
    keep_large_blocks()
    print_steps("10 KB quoted-printable", messages.quoted_printable(10_000))
    print_steps("116 KB base64", messages.base64_lines(116_000))


if __name__ == "__main__":
    main()
