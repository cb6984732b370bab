"""Documentation under test: the reference says what the code says, and every command shown exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests import reference_docs

PROJECT = Path(__file__).resolve().parents[1]
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])


@pytest.mark.parametrize("name", sorted(reference_docs.PAGES))
def test_each_reference_page_is_what_the_code_says(name: str) -> None:
    """A reference page that was not written anew after a change fails; `make docs` mends it."""
    written = (reference_docs.REFERENCE / name).read_text(encoding="utf-8")
    assert written == reference_docs.PAGES[name](), f"docs/reference/{name} is out of date: run `make docs`"


def test_every_command_has_help_with_an_example() -> None:
    """`--help` of every command says what it does and shows one line to copy."""
    bare = [name for name, command in reference_docs.commands() if "Example:" not in (command.help or "")]
    assert bare == []


def test_every_option_has_a_help_text() -> None:
    """No option is left to be guessed."""
    mute = [
        f"{name} {parameter.name}"
        for name, command in reference_docs.commands()
        for parameter in command.params
        if parameter.name != "help" and not (getattr(parameter, "help", None) or "").strip()
    ]
    assert mute == []


def test_every_setting_is_described() -> None:
    """A setting without a sentence is not documented, whatever the page says."""
    mute = [
        variable
        for settings in reference_docs.settings_classes()
        for variable, _, text in reference_docs.variables(settings)
        if not text
    ]
    assert mute == []


def _commands_shown(text: str) -> set[str]:
    shown = set()
    for block in re.findall(r"```(?:bash|sh|console)?\n(.*?)```", text, flags=re.S):
        shown.update(line.strip() for line in block.replace("\\\n", " ").splitlines())
    shown.update(re.findall(r"`(knowdo [^`]+)`", text))
    return {line.removeprefix("$ ") for line in shown if line.removeprefix("$ ").startswith("knowdo ")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    """A page that shows `knowdo …` names a command that exists, with options that it takes."""
    known = dict(reference_docs.commands())
    for line in _commands_shown(page.read_text(encoding="utf-8")):
        words = shlex.split(line, comments=True)
        name = next((" ".join(words[:n]) for n in (4, 3, 2) if " ".join(words[:n]) in known), None)
        rooms = {" ".join(known_name.split()[:n]) for known_name in known for n in (1, 2, 3)}
        if name is None:
            plain = [word for word in words if not word.startswith("-") and "…" not in word and word != "..."]
            assert " ".join(plain[:2]) in rooms, f"{page.name} shows `{line}`, which is not a command"
            continue
        options = {
            word for parameter in known[name].params for word in (*parameter.opts, *parameter.secondary_opts)
        } | {"--help"}
        for word in words:
            if word.startswith("--"):
                assert word.split("=")[0] in options, f"{page.name} shows `{line}`, but `{name}` has no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A link to a file of the project leads to a file."""
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
