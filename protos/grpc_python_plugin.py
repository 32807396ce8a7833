"""Offers the gRPC generator of grpcio-tools to `buf generate`.

grpcio-tools has its generator built into its own protoc and ships no plugin
program, and buf starts only programs.  This one speaks the plugin protocol of
protoc (google/protobuf/compiler/plugin.proto) and runs that protoc.

Only files with a service get a module: protoc would write an empty one for each
of the others.
"""

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Protocol, cast

from google.protobuf.compiler import plugin_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet


class Protoc(Protocol):
    """The entry point of grpc_tools.protoc, which has no types of its own."""

    def main(self, argv: list[str]) -> int:
        """Run protoc with *argv*, whose first element is the program's name."""


def generate(request: plugin_pb2.CodeGeneratorRequest) -> plugin_pb2.CodeGeneratorResponse:
    """Return the gRPC modules of those requested files that define a service."""
    with_service = {file.name for file in request.proto_file if file.service}
    wanted = [name for name in request.file_to_generate if name in with_service]
    response = plugin_pb2.CodeGeneratorResponse(
        supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    if not wanted:
        return response
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder, "descriptors.binpb")
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out = Path(folder, "out")
        out.mkdir()
        protoc = cast("Protoc", importlib.import_module("grpc_tools.protoc"))
        status = protoc.main(
            ["protoc", f"--descriptor_set_in={descriptors}", f"--grpc_python_out={out}", *wanted]
        )
        if status != 0:
            response.error = f"protoc ended with status {status}"
            return response
        for path in sorted(out.rglob("*.py")):
            response.file.add(name=str(path.relative_to(out)), content=path.read_text())
    return response


def main() -> None:
    """Answer one request of buf or protoc."""
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    sys.stdout.buffer.write(generate(request).SerializeToString())


if __name__ == "__main__":
    main()
