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
    MAX_DEADLINE_SECONDS,
    MAX_STATUS,
    FilterOptions,
    quick_options,
)
from mail_bridge.filter.run import run_filter

__all__ = [
    "DEFAULTS",
    "MAX_DEADLINE_SECONDS",
    "MAX_STATUS",
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
