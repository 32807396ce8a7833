"""What the HTTP server may log: nothing of a fetch.

aiohttp logs requests that it cannot read, with the address that sent them and the
octets that it stumbled over: tokens and user agents, of any level of privacy.
"""

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

_NAME: Final = "pixel_service.requests"


def request_logger() -> logging.Logger:
    """Return the logger for an HTTP server that strangers reach."""
    logger = logging.getLogger(_NAME)
    logger.addFilter(_keep_nothing_of_the_fetch)
    return logger


def _keep_nothing_of_the_fetch(record: logging.LogRecord) -> bool:
    """Leave of *record* the error's class; refuse it if anybody could fill the log with it."""
    error = record.exc_info[1] if record.exc_info else None
    record.msg, record.args = "request not handled", ()
    record.exc_info = record.exc_text = None
    if error is not None:
        record.msg = f"{record.msg}: {type(error).__name__}"
    return not isinstance(error, HttpProcessingError)
