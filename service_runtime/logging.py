"""Logging: one event a line on standard error, a constant phrase with fields.

Never logged: tokens, keys, mail addresses, subjects, message text.  Fields are
counts, IDs of our own, durations, names of errors.  The same event is logged ten
times in ten seconds at most: see `repeat_limit`.
"""

import logging
import sys
from typing import Literal

import structlog

from service_runtime.repeat_limit import RepeatLimit

Format = Literal["text", "json"]


def configure_logging(*, level: str = "INFO", format_: Format = "text") -> None:
    """Send the events of our code and of libraries to standard error.

    Args:
        level: the least severe level that is shown, such as `INFO`.
        format_: `text` for people, `json` for collectors.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if format_ == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Its lines below that hold the values of every statement, such as senders' addresses.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            RepeatLimit(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
