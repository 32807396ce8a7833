"""Logging: one event a line on standard error, a constant phrase with fields.

Never logged: tokens, keys, mail addresses, subjects, message text.  Fields are
counts, IDs of our own, durations, names of errors.  The same event is logged ten
times in ten seconds at most, of libraries, too: see `repeat_limit`.
"""

import logging
import sys
from typing import Final, Literal

import structlog

from service_runtime.repeat_limit import RepeatLimit

Format = Literal["text", "json"]


# Whose events are shown at the level that is asked for: they hold what is said above, and no more.
_OURS: Final = (
    "emailopens_client",
    "injector_service",
    "mail_bridge",
    "pixel_service",
    "service_runtime",
)


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
    handler.addFilter(_ForeignRepeats())
    root.handlers = [handler]
    # Of libraries nothing below INFO, whatever is asked for: aiosqlite's lines hold the values
    # of every statement, such as senders' addresses, and gRPC logs while the garbage collector
    # runs, when the handler's lock may be held by the line that made it run.
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.INFO))
    for package in _OURS:
        logging.getLogger(package).setLevel(level)
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


class _ForeignRepeats(logging.Filter):
    """Limits what libraries repeat, as `RepeatLimit` does what our own code does."""

    def __init__(self) -> None:
        super().__init__()
        self._limit = RepeatLimit()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether *record* is shown."""
        if isinstance(record.msg, dict):  # an event of ours
            return True
        # What follows in further lines is of one task or callback.
        phrase = str(record.msg).partition("\n")[0]
        try:
            event = self._limit(None, "", {"event": f"{record.name}: {phrase}"})
        except structlog.DropEvent:
            return False
        if "suppressed" in event:
            record.msg = f"{record.msg} ({event['suppressed']} suppressed)"
        return True
