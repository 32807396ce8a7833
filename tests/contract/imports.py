"""What each module imports, from its own text: for the tests of who may import whom."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]


class Import(NamedTuple):
    """One module imports another, or a name from it: both by their dotted names."""

    importer: str
    imported: str


def is_in(module: str, package: str) -> bool:
    """Say whether *module* is *package* or inside it."""
    return module == package or module.startswith(f"{package}.")


@functools.cache
def imports_of(package: str) -> tuple[Import, ...]:
    """Return everything that a module or package and all below it import, anywhere in them."""
    folder = ROOT / package.replace(".", "/")
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    return tuple(
        Import(importer, imported)
        for file in files
        for importer in [_name_of(file)]
        for imported in _imported_by(file)
    )


def roots_of(package: str) -> set[str]:
    """Return the top-level packages that *package* imports."""
    return {found.imported.partition(".")[0] for found in imports_of(package)}


def _name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported_by(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative imports hide where things are"
            assert node.module is not None
            # With the name: a rule may allow some of what a package's face offers.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_passed(found: Import) -> str | None:
    """Return the package whose face is passed over: a module inside it is imported from outside."""
    module = found.imported
    while not (ROOT / f"{module.replace('.', '/')}.py").is_file():
        module = module.rpartition(".")[0]
        if not module or (ROOT / module.replace(".", "/")).is_dir():
            return None
    room = module.rpartition(".")[0]
    return None if "." not in room or is_in(found.importer, room) else room
