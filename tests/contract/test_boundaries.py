"""Who may import whom."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imported_roots(path: Path) -> set[str]:
    """Return the top-level packages that the module at *path*, or any below it, imports."""
    files = path.rglob("*.py") if path.is_dir() else [path]
    roots = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                roots.add(node.module.partition(".")[0])
    return roots


def test_services_know_each_other_only_through_the_contract() -> None:
    """Neither service imports the other: each can be deployed and replaced alone."""
    assert "pixel_service" not in imported_roots(ROOT / "injector_service")
    assert "injector_service" not in imported_roots(ROOT / "pixel_service")


def test_runtime_knows_nothing_of_mail_pixels_or_opens() -> None:
    """What both processes need is no drawer for what they share."""
    assert not imported_roots(ROOT / "service_runtime") & {
        "emailopens",
        "injector_service",
        "pixel_service",
    }


def closure_of(module: str) -> set[Path]:
    """Return the files of *module* and of everything of ours that it imports, at any depth."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = ROOT / (waiting.pop().replace(".", "/") + ".py")
        if path in found or not path.exists():
            continue
        found.add(path)
        waiting += [
            node.module
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module is not None
        ]
    return found


def test_rewriting_core_is_pure() -> None:
    """What `rewrite.py` is made of has no network, no database and no contract in it."""
    core = closure_of("injector_service.rewriting.rewrite")

    assert ROOT / "injector_service/rewriting/mime/html_part.py" in core
    outside = set().union(*(imported_roots(path) for path in core))
    assert not outside & {
        "aiohttp",
        "asyncio",
        "emailopens",
        "grpc",
        "service_runtime",
        "sqlalchemy",
    }


def test_client_stands_alone() -> None:
    """Whoever follows opens needs the stubs and gRPC, and neither service."""
    assert not imported_roots(ROOT / "emailopens_client") & {
        "injector_service",
        "pixel_service",
        "service_runtime",
    }


def test_streaming_core_speaks_neither_grpc_nor_protobuf() -> None:
    """A stream is positions, entries and events; servicers put them on the wire."""
    core = closure_of("pixel_service.streaming.log_stream") | closure_of(
        "pixel_service.streaming.tail"
    )

    assert ROOT / "pixel_service/streaming/selection.py" in core
    outside = set().union(*(imported_roots(path) for path in core))
    assert not outside & {"aiohttp", "emailopens", "google", "grpc"}
