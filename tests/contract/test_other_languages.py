"""What generators of other languages need of the contract is there."""

import os
import subprocess
import sys
from pathlib import Path

from google.protobuf.compiler import plugin_pb2

ROOT = Path(__file__).parents[2]

# Is put where a generator is, and keeps what it is asked: buf asks once a folder.
RECORDING = """#!{python}
import os, pathlib, sys
pathlib.Path(f"{{sys.argv[0]}}.{{os.getpid()}}").write_bytes(sys.stdin.buffer.read())
"""


def test_every_file_has_a_go_package_of_its_folder(tmp_path: Path) -> None:
    """With the template for Go, no generator asks for an import path; packages are folders."""
    for name in ("protoc-gen-go", "protoc-gen-go-grpc"):
        generator = tmp_path / name
        generator.write_text(RECORDING.format(python=sys.executable))
        generator.chmod(0o755)
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(  # noqa: S603 - our own template
        [
            *("buf", "generate", ROOT / "protos"),
            *("--template", ROOT / "examples/go/buf.gen.yaml"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        check=True,
    )
    requests = [
        plugin_pb2.CodeGeneratorRequest.FromString(path.read_bytes())
        for path in tmp_path.glob("protoc-gen-go.*")
    ]
    ours = {
        each.name: each.options.go_package.partition(";")[0]
        for request in requests
        for each in request.proto_file
        if each.name.startswith("emailopens/")
    }

    assert len(ours) == len(list((ROOT / "protos/emailopens").rglob("*.proto")))
    assert ours == {name: f"example.org/your/module/gen/{Path(name).parent}" for name in ours}
