"""Sends a message with a pixel in it.

python examples/send.py CONFIGURATION_ID SMTP_HOST:PORT < message.eml
"""

import argparse
import contextlib
import email
import os
import smtplib
import sys
from collections.abc import Iterator
from email.utils import parseaddr

import grpc

from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from emailopens_client.targets import with_port


def address(text: str) -> tuple[str, int]:
    """Return the host and the port that *text* names."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form HOST:PORT")
    return host, int(port)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Say in one line what another program has refused, and end."""
    try:
        yield
    except grpc.RpcError as error:
        sys.exit(f"send.py: {error.code().name}: {error.details()}")
    except (OSError, smtplib.SMTPException) as error:
        sys.exit(f"send.py: the SMTP server: {error}")


def main() -> None:
    """Rewrite the message on standard input and hand it to an SMTP server."""
    parser = argparse.ArgumentParser(
        description="Sends the message on standard input with a pixel in it.",
        epilog="EMAILOPENS_INJECTOR_TARGET names the injector service (default: 127.0.0.1:50051).",
    )
    parser.add_argument("configuration_id", metavar="CONFIGURATION_ID", help="whose opens to count")
    parser.add_argument("smtp_server", metavar="SMTP_HOST:PORT", type=address, help="who sends it")
    given = parser.parse_args()
    raw = sys.stdin.buffer.read()
    message = email.message_from_bytes(raw)
    _, sender = parseaddr(message.get("From", ""))
    _, recipient = parseaddr(message.get("To", ""))
    if not sender or not recipient:
        sys.exit("send.py: standard input is not a message with From and To")

    target = with_port(os.environ.get("EMAILOPENS_INJECTOR_TARGET", "127.0.0.1"), 50051)
    options = [("grpc.max_send_message_length", 51 * 2**20)]
    with one_line_errors(), grpc.insecure_channel(target, options=options) as channel:
        answer = pb_grpc.InjectorServiceStub(channel).RewriteMessage(
            pb.RewriteMessageRequest(
                raw_message=raw,
                configuration_ids=[given.configuration_id],
                recipients=[recipient],
                view=pb.RewriteMessageRequest.VIEW_SPLICE,
            ),
            timeout=10,
        )
    # The message can be sent whatever the outcome is.
    print(pb.RewriteMessageResponse.Outcome.Name(answer.outcome), answer.message_id)
    if answer.HasField("splice"):
        end = answer.splice.offset + answer.splice.delete_count
        raw = raw[: answer.splice.offset] + answer.splice.insert + raw[end:]

    with one_line_errors(), smtplib.SMTP(*given.smtp_server) as smtp:
        smtp.sendmail(sender, recipient, raw)


if __name__ == "__main__":
    main()
