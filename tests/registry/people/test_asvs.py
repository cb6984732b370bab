"""The checklist of OWASP ASVS says for each item which test holds it, or why none does; and each of those tests exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[3]
PAGE = PROJECT / "docs/reference/asvs.md"
_ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| (.+?) \| (.+?) \|$", re.M)
_TEST = re.compile(r"`(\w+(?:/\w+)*\.py)::(test_\w+)`")
ROWS = _ROW.findall(PAGE.read_text(encoding="utf-8"))


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def test_every_item_has_a_test_or_a_reason() -> None:
    """And no item is there twice; all fourteen chapters are."""
    numbers = [number for number, _, _ in ROWS]
    assert len(set(numbers)) == len(numbers)
    assert {int(number.split(".")[0]) for number in numbers} == set(range(1, 15))
    bare = [
        number
        for number, _, held in ROWS
        if not _TEST.search(held) and not re.match(r"(Reason|Not applicable|Open): \S", held)
    ]
    assert bare == []


def test_every_test_named_there_exists() -> None:
    """A test that was renamed is renamed there, too."""
    gone = [
        f"{file}::{name}"
        for _, _, held in ROWS
        for file, name in _TEST.findall(held)
        if not (PROJECT / "tests" / file).is_file() or name not in names_in(PROJECT / "tests" / file)
    ]
    assert gone == []


def test_the_summary_counts_right() -> None:
    """How many are held by a test, by a reason, do not apply, or are open."""
    said = dict(re.findall(r"^- (\w[\w ]*): (\d+)$", PAGE.read_text(encoding="utf-8"), re.M))
    kinds = {"reason": "Reason", "not applicable": "Not applicable", "open": "Open"}
    found = {kind: sum(held.startswith(word + ":") for _, _, held in ROWS) for kind, word in kinds.items()}
    assert {kind: int(said[kind]) for kind in kinds} == found
    assert int(said["held by a test"]) == len(ROWS) - sum(found.values())
