"""Each guarantee of `docs/design.md` has tests that carry its words."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

# What may be left of a guarantee's sentence once the words of its tests are taken away.
_JOINTS: Final = re.compile(r"(?:[\s,:;]|\b(?:and|or)\b)*")


def guarantees() -> dict[str, str]:
    """Return the table of guarantees: number and sentence."""
    text = (ROOT / "docs/design.md").read_text("utf-8")
    return dict(re.findall(r"^\| (G\d+) \| (.+) \|$", text, re.MULTILINE))


def markers() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield test, number and words of each marker `guarantee`, from the tests' own text."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for decorator in function.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(
                    "mark.guarantee"
                ):
                    number, *words = map(ast.literal_eval, decorator.args)
                    yield function.name, number, tuple(words)


@pytest.mark.parametrize("number", guarantees())
def test_guarantee_has_tests_of_the_same_words(number: str) -> None:
    """Together the tests of a guarantee say all of its sentence, in its own words."""
    sentence = guarantees()[number]
    said = [word for _, of, words in markers() if of == number for word in words]

    assert [each for each in said if each not in sentence] == []
    for each in sorted(said, key=len, reverse=True):
        sentence = sentence.replace(each, "")
    assert _JOINTS.fullmatch(sentence), f"no test says: {sentence}"


def test_markers_name_guarantees_that_there_are() -> None:
    """A guarantee that is given up leaves no test that goes on claiming it."""
    tests = defaultdict(list)
    for test, number, _ in markers():
        tests[number].append(test)

    assert guarantees(), "the table of guarantees was not found"
    assert set(tests) == set(guarantees())
