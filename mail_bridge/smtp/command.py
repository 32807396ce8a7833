"""A client's command, taken apart as little as possible (RFC 5321 section 4.1)."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

# RFC 4954 section 4 allows 12,288 octets of base64 in a line of AUTH, and a command of
# AUTH has its name and mechanism beside them. MAIL and RCPT with all their extensions need
# less than 2,000.
MAX_LINE_OCTETS: Final = 12_288 + 64

# A server that takes a lone CR for the end of a line would see another command after it.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# `<` path `>` and what follows a blank; quoted strings may hold any of these (section 4.1.2).
_PATH: Final = re.compile(
    rb"""
    [ \t]*+
    < ( (?: [^"<>\\ \t]++ | " (?: [^"\\]++ | \\. )*+ " | \\. )*+ ) >
    (?: [ \t]++ (.*+) )?+
    """,
    re.VERBOSE,
)


class Command(NamedTuple):
    """One line of a client."""

    verb: bytes
    """In capitals."""

    argument: bytes
    """What follows it, verbatim but for blanks at either end."""


class CommandMalformed(Exception):
    """A line is no command of SMTP."""


Parameters = Mapping[bytes, bytes]


class Envelope(NamedTuple):
    """What MAIL or RCPT says."""

    path: bytes
    """What is between `<` and `>`; empty for the sender of a bounce."""

    parameters: Parameters
    """By keyword, in capitals; the value is empty if there is none."""

    @property
    def address(self) -> str | None:
        """The address as text; None if it is not in UTF-8.  Empty for an empty path."""
        # A source route is to be ignored (RFC 5321 section 4.1.1.3).
        mailbox = self.path.partition(b":")[2] if self.path.startswith(b"@") else self.path
        try:
            return mailbox.decode("utf-8")
        except UnicodeDecodeError:
            return None


class KeywordMissing(Exception):
    """An argument of MAIL does not begin with `FROM:`, or one of RCPT with `TO:`."""


class PathMalformed(Exception):
    """There is no path in angle brackets."""


def parse_command(line: bytes) -> Command:
    """Return the command in *line*, which has no line end any more.

    Raises:
        CommandMalformed: there is none, or it holds what no command may hold.
    """
    if _CONTROL.search(line):
        raise CommandMalformed
    verb, _, argument = line.strip(b" \t").partition(b" ")
    if not verb.isalpha():
        raise CommandMalformed
    return Command(verb.upper(), argument.strip(b" \t"))


def parse_envelope(argument: bytes, keyword: bytes) -> Envelope:
    """Return what the *argument* of MAIL or RCPT says; *keyword* is `FROM:` or `TO:`.

    QUIRK: applications write a blank after the colon, and servers take it.

    Raises:
        KeywordMissing: it does not begin with *keyword*.
        PathMalformed: no path follows.
    """
    if argument[: len(keyword)].upper() != keyword:
        raise KeywordMissing
    found = _PATH.fullmatch(argument, len(keyword))
    if found is None:
        raise PathMalformed
    pairs = (each.partition(b"=") for each in (found[2] or b"").split())
    return Envelope(found[1], {name.upper(): value for name, _, value in pairs})
