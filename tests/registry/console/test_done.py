"""Every code of something done has its sentence, every form that leads on sends one, and no address puts words on a page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

from services.registry.console.done import SAID, Code
from tests.registry.conftest import House
from tests.registry.people.browsing import signed_in

pytestmark = pytest.mark.anyio
ROOM: Final = Path(__file__).resolve().parents[3] / "services" / "registry"


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    """Every call of a function of this name in the registry's code."""
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and getattr(called, "id", getattr(called, "attr", "")) == name:
                yield path, node


def test_every_code_has_its_sentence_and_is_sent() -> None:
    """The codes of the type, those with a sentence, and those that the code sends are the same; none is written by hand."""
    texts: set[str] = set()
    for path in ROOM.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        if path.name != "done.py":
            texts |= strings
            assert not [one for one in strings if "done=" in one], path
    assert set(SAID) == set(get_args(Code))
    assert set(SAID) <= texts
    assert all(said.endswith(".") for said in SAID.values())


def test_every_redirect_after_a_form_of_the_console_says_what_was_done_or_leads_to_a_page_that_does() -> None:
    """Plain redirects lead to a page of the result, or back to the page of a form after signing in."""
    plain = {
        (path.name, ast.unparse(node.args[0]).rpartition("/")[2])
        for path, node in calls("RedirectResponse")
        if path.parent.name == "console"
    }
    leading = [node for _, node in calls("leads_to")]
    assert len(leading) >= 5
    assert {name for name, _ in plain} == {"done.py", "review_page.py", "stop_page.py", "talk_page.py"}


async def test_the_page_says_it_once_and_only_by_a_known_code(house: House) -> None:
    """A code from the list becomes its sentence; anything else in the address is left out."""
    await house.propose()
    ann = await signed_in(house, "Ann Clinical")
    for code, said in SAID.items():
        assert (await ann.open(f"/console/deploy/small?done={code}")).text.count(said) == 1
    strange = (await ann.open("/console/deploy/small?done=All+is+well")).text
    assert "All is well" not in strange
    assert 'role="status"' not in strange
    refused = await ann.open("/console/deploy/nothing?done=deployed")
    assert (refused.status_code, SAID["deployed"] in refused.text) == (404, False)
