"""What the bridge itself answers, with enhanced status codes (RFC 3463, RFC 5248)."""

from typing import Final

from mail_bridge.smtp import Reply


def _answer(code: int, text: str) -> Reply:
    return Reply(code, (text.encode("ascii"),))


BYE: Final = _answer(221, "2.0.0 Bye")
OK: Final = _answer(250, "2.0.0 Ok")
SENDER_OK: Final = _answer(250, "2.1.0 Ok")
RECIPIENT_OK: Final = _answer(250, "2.1.5 Ok")
CHUNK_OK: Final = _answer(250, "2.0.0 Chunk received")
READY_FOR_TLS: Final = _answer(220, "2.0.0 Ready to start TLS")
NOT_VERIFIED: Final = _answer(252, "2.0.0 The next hop knows; send some mail")
SEND_MESSAGE: Final = _answer(354, "Send the message, and end it with a dot on a line by itself")

# What the client can do something about later.
CLOSING: Final = _answer(421, "4.3.2 Service is stopping; come again")
NO_NEXT_HOP: Final = _answer(421, "4.4.1 The next hop does not answer; come again")
TIMED_OUT: Final = _answer(421, "4.4.2 Waited too long for the client")
TOO_MANY_CONNECTIONS: Final = _answer(421, "4.7.0 Too many connections; come again")
TOO_MANY_ERRORS: Final = _answer(421, "4.7.0 Too many errors")
TOO_MANY_LOGINS: Final = _answer(421, "4.7.0 Too many failed attempts of AUTH")
NO_MAIL_CLIENT: Final = _answer(421, "4.7.0 This is a mail server, and speaks no HTTP")
NO_LINE_END: Final = _answer(421, "4.7.0 The line has no end")
NO_MESSAGE_END: Final = _answer(421, "4.7.0 The message has no end")
TLS_NOT_ALONE: Final = _answer(421, "4.7.0 Nothing may follow STARTTLS before its answer")
CHUNK_UNKNOWN: Final = _answer(421, "4.5.4 Syntax: BDAT size [LAST]; what follows is not known")
FAILED: Final = _answer(421, "4.3.0 A fault of this server; come again")
NO_ROOM: Final = _answer(452, "4.3.1 Too many messages are on their way; come again")
ALONE_PLEASE: Final = _answer(452, "4.5.3 One recipient at a time; send the next one alone")
TOO_MANY_RECIPIENTS: Final = _answer(452, "4.5.3 Too many recipients; send to the others later")
LOGIN_AWAY: Final = _answer(454, "4.7.0 The next hop does not answer; come again")

# What it can not.
LINE_TOO_LONG: Final = _answer(500, "5.5.2 The line is too long")
LOGIN_LINE_TOO_LONG: Final = _answer(500, "5.5.6 The line is too long")
NOT_A_COMMAND: Final = _answer(500, "5.5.2 Not a command")
NOT_KNOWN: Final = _answer(500, "5.5.1 The command is not known here")
LINE_END_WRONG: Final = _answer(500, "5.5.2 A line ends with CR and LF")
NAME_MISSING: Final = _answer(501, "5.5.4 Say your name")
ARGUMENT_WRONG: Final = _answer(501, "5.5.4 The command has no such argument")
MAIL_SYNTAX: Final = _answer(501, "5.5.4 Syntax: MAIL FROM:<address>")
RCPT_SYNTAX: Final = _answer(501, "5.5.4 Syntax: RCPT TO:<address>")
SIZE_SYNTAX: Final = _answer(501, "5.5.4 Syntax: SIZE=number")
XFORWARD_SYNTAX: Final = _answer(501, "5.5.4 Syntax: XFORWARD attribute=value")
AUTH_SYNTAX: Final = _answer(501, "5.5.4 Syntax: AUTH mechanism [response]")
LOGIN_LINE_WRONG: Final = _answer(501, "5.5.2 Not base64")
SENDER_WRONG: Final = _answer(501, "5.1.7 The sender must be an address in angle brackets")
RECIPIENT_WRONG: Final = _answer(501, "5.1.3 The recipient must be an address in angle brackets")
NOT_DONE: Final = _answer(502, "5.5.1 The command is not implemented")
GREET_FIRST: Final = _answer(503, "5.5.1 Say hello first")
MAIL_FIRST: Final = _answer(503, "5.5.1 MAIL comes first")
MAIL_IS_OPEN: Final = _answer(503, "5.5.1 Not while a message is being sent")
NO_RECIPIENTS: Final = _answer(503, "5.5.1 No valid recipients")
CHUNKS_BEGUN: Final = _answer(503, "5.5.1 The message has begun with BDAT")
LOGGED_IN: Final = _answer(503, "5.5.1 AUTH has succeeded before")
TLS_IS_ON: Final = _answer(503, "5.5.1 TLS is spoken already")
TLS_FIRST: Final = _answer(530, "5.7.0 STARTTLS comes first")
TOO_LARGE: Final = _answer(552, "5.3.4 The message is larger than is taken here")
END_UNCLEAR: Final = _answer(
    554, "5.6.0 A dot between lone CR or LF might be taken for the end by the next hop"
)

# Why a message is not handed on, for operators.
REASONS: Final = {TOO_LARGE: "too_large", NO_ROOM: "no_room", END_UNCLEAR: "end_unclear"}
