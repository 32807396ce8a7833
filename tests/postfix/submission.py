"""Hands messages to an SMTP server octet by octet, with parameters as a test writes them.

The standard library's client changes line ends and knows no parameters of its own.
"""

import contextlib
import re
import socket
from collections.abc import Iterator, Sequence
from typing import Final

HOST: Final = "127.0.0.1"

# Only ends what hangs.
ANSWER_SECONDS: Final = 60


class Refused(Exception):
    """The server said no; the text is its answer."""


class Submission:
    """A connection to a server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = connection.makefile("rb")

    def expect(self, first_digit: str) -> str:
        """Return the next answer.

        Raises:
            Refused: it does not begin so.
        """
        lines = []
        while True:
            lines.append(self._answers.readline().decode())
            if lines[-1][3:4] != "-":
                break
        answer = "".join(lines)
        if not answer.startswith(first_digit):
            raise Refused(answer)
        return answer

    def command(self, line: str, first_digit: str = "2") -> str:
        """Send *line*; return the answer.

        Raises:
            Refused: it does not begin with that digit.
        """
        self._connection.sendall(line.encode() + b"\r\n")
        return self.expect(first_digit)

    def send(self, mail: str, recipients: Sequence[str], octets: bytes) -> str:
        """Hand over a message, with the arguments of MAIL and RCPT as they are; return the answer.

        Raises:
            Refused: the server does not take it.
        """
        self.command(f"MAIL {mail}")
        for each in recipients:
            self.command(f"RCPT {each}")
        self.command("DATA", "3")
        stuffed = re.sub(rb"(^|\r\n)\.", rb"\1..", octets)
        end = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
        self._connection.sendall(stuffed + end)
        return self.expect("2")


@contextlib.contextmanager
def submission(port: int) -> Iterator[Submission]:
    """Connect to the server at *port* for the block."""
    with socket.create_connection((HOST, port), ANSWER_SECONDS) as connection:
        client = Submission(connection)
        client.expect("2")
        client.command("EHLO client.example")
        yield client
        client.command("QUIT")
