"""What can become of a message: words shared by every step of the rewriting."""

import enum


class Outcome(enum.Enum):
    """Whether a message is tracked, and if not, why.

    "Not tracked" is not an error: the message is sent all the same.
    """

    # There is one of each, also after a pickle; that of Enum takes a step of Python.
    __hash__ = object.__hash__

    TRACKED = "tracked"
    NO_HTML_PART = "no_html_part"
    SEVERAL_RECIPIENTS = "several_recipients"
    NO_RECIPIENT = "no_recipient"
    TRACKING_DISABLED = "tracking_disabled"
    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    MALFORMED = "malformed"
    TOO_COMPLEX = "too_complex"
    NO_CONFIGURATION = "no_configuration"
    RECIPIENT_ERROR = "recipient_error"
    RECIPIENT_OBJECTED = "recipient_objected"
    OBJECTIONS_UNKNOWN = "objections_unknown"


class RewriteWarning(enum.Enum):
    """What the sender should know about a message that is tracked."""

    ALREADY_DKIM_SIGNED = "already_dkim_signed"
    LARGE_HTML = "large_html"
    PIXEL_MAY_NOT_LOAD = "pixel_may_not_load"
    SUBJECT_TRUNCATED = "subject_truncated"
    HEADERS_TRUNCATED = "headers_truncated"


class Placement(enum.Enum):
    """Where in the HTML part the pixel goes, unless a placeholder says otherwise."""

    END = "end"
    START = "start"
