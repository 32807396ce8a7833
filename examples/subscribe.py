"""Prints opens as they are recorded, and goes on where it stopped.

python examples/subscribe.py CURSOR_FILE
"""

import argparse
import os
import sys
import time
from pathlib import Path

import grpc
from google.protobuf.json_format import MessageToJson

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens_client.targets import with_port


def follow(stub: pb_grpc.PixelServiceStub, cursor_file: Path) -> None:
    """Print opens after the cursor in *cursor_file*, and keep it up to date."""
    request = pb.StreamOpensRequest(consumer_name="subscribe.py")
    if cursor_file.exists():
        request.after_cursor = cursor_file.read_text()
    else:
        request.position = pb.POSITION_EARLIEST
    for response in stub.StreamOpens(request):
        match response.WhichOneof("event"):
            case "batch":
                for notification in response.batch.notifications:
                    print(MessageToJson(notification, indent=None), flush=True)
                # After the work, not before: what was not finished comes again.
                keep(response.batch.cursor, cursor_file)
            case "heartbeat":
                keep(response.heartbeat.cursor, cursor_file)
            case _:
                pass


def keep(cursor: str, cursor_file: Path) -> None:
    """Replace the cursor in *cursor_file* whole: a crash leaves the old one or the new one."""
    new = cursor_file.with_suffix(".new")
    new.write_text(cursor)
    new.replace(cursor_file)


def main() -> None:
    """Follow the log until interrupted; start again when the service does."""
    parser = argparse.ArgumentParser(
        description="Prints opens as they are recorded, and goes on where it stopped.",
        epilog="EMAILOPENS_PIXEL_TARGET names the pixel service (default: 127.0.0.1:50052).",
    )
    parser.add_argument(
        "cursor_file",
        metavar="CURSOR_FILE",
        type=Path,
        help="where it stopped; made if it is not there",
    )
    cursor_file: Path = parser.parse_args().cursor_file
    if not cursor_file.parent.is_dir():
        parser.error(f"CURSOR_FILE: there is no folder {cursor_file.parent}")
    target = with_port(os.environ.get("EMAILOPENS_PIXEL_TARGET", "127.0.0.1"), 50052)
    with grpc.insecure_channel(target) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        while True:
            try:
                follow(stub, cursor_file)
            except grpc.RpcError as error:
                # UNAVAILABLE is the one code to retry blindly; for all others a person decides.
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    sys.exit(f"subscribe.py: {error.code().name}: {error.details()}")
                print(f"waiting for the pixel service at {target}", file=sys.stderr)
            time.sleep(1)


if __name__ == "__main__":
    main()
