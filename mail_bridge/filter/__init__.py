"""One message from standard input to standard output, by way of a bridge that runs.

A program starts for each message, so what is here loads little more than a socket.
"""

from mail_bridge.filter.frames import (
    QUESTION_HEAD_OCTETS,
    Answer,
    FrameInvalid,
    Question,
    Splice,
    Verdict,
    question_sizes,
)
from mail_bridge.filter.options import (
    DEFAULTS,
    DEFER,
    MAX_DEADLINE_SECONDS,
    MAX_STATUS,
    PASS,
    FilterOptions,
    quick_options,
)
from mail_bridge.filter.run import run_filter

__all__ = [
    "DEFAULTS",
    "DEFER",
    "MAX_DEADLINE_SECONDS",
    "MAX_STATUS",
    "PASS",
    "QUESTION_HEAD_OCTETS",
    "Answer",
    "FilterOptions",
    "FrameInvalid",
    "Question",
    "Splice",
    "Verdict",
    "question_sizes",
    "quick_options",
    "run_filter",
]
