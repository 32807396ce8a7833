"""The contract becomes Go with the template that the documents name."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_go_stubs_are_generated_as_documented(tmp_path: Path) -> None:
    """Each file of the contract becomes a file of a package in the caller's own module."""
    template = ROOT / "examples/go/buf.gen.yaml"
    subprocess.run(  # noqa: S603 - our own template
        ["buf", "generate", ROOT / "protos", "--template", template],  # noqa: S607 - from the environment
        cwd=tmp_path,
        check=True,
    )

    contract = sorted((ROOT / "protos/emailopens").rglob("*.proto"))
    for path in contract:
        relative = path.relative_to(ROOT / "protos").with_suffix("")
        stub = (tmp_path / "gen" / relative).with_suffix(".pb.go")
        assert "package " in stub.read_text("utf-8")
        service = stub.with_name(f"{relative.name}_grpc.pb.go")
        assert service.exists() == ("\nservice " in path.read_text("utf-8"))
        if service.exists():
            assert "example.org/your/module" not in service.read_text("utf-8")
