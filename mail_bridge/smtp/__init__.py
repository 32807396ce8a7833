"""The words of SMTP and LMTP: octets in, octets out, without any I/O."""

from mail_bridge.smtp.command import (
    MAX_LINE_OCTETS,
    Command,
    CommandMalformed,
    Envelope,
    KeywordMissing,
    PathMalformed,
    parse_command,
    parse_envelope,
)
from mail_bridge.smtp.content import Change, Message, Piece
from mail_bridge.smtp.dots import DotRemover, resembles_end
from mail_bridge.smtp.extensions import Extensions
from mail_bridge.smtp.reply import Reply, ReplyMalformed, ReplyReader

__all__ = [
    "MAX_LINE_OCTETS",
    "Change",
    "Command",
    "CommandMalformed",
    "DotRemover",
    "Envelope",
    "Extensions",
    "KeywordMissing",
    "Message",
    "PathMalformed",
    "Piece",
    "Reply",
    "ReplyMalformed",
    "ReplyReader",
    "parse_command",
    "parse_envelope",
    "resembles_end",
]
