"""The reference pages, written from the code: commands, settings, the grammar of guidance.yaml, scores, shipped guidance.

`make docs` writes them; `tests/test_docs.py` fails when a page is not what the code says.
"""

from __future__ import annotations

import importlib
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import typer
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.command import ROOMS
from services.command import app as platform_app
from services.guidance.check import guidance_schema
from services.guidance.checking.transparency import transparency_schema
from services.guidance.evidence import SilentMonth
from services.guidance.scores.catalogue import FORMULAS
from services.guidance.scores.formula import Formula
from services.learner.evidence import document
from tests import reference_checklist, reference_guidance, reference_metrics, reference_transparency

PROJECT = Path(__file__).resolve().parents[1]
REFERENCE = PROJECT / "docs" / "reference"
SETTINGS_MODULES = (
    "services.plumbing.settings",
    "services.cds.settings",
    "services.learner.settings",
    "services.registry.settings",
)
NOTE = "<!-- Written from the code by `make docs`; a test fails when it is not what the code says. -->\n"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command as (`knowdo room verb`, its Typer/click command)."""
    platform: Any = typer.main.get_command(platform_app)
    for name in ("up", "version"):
        yield f"knowdo {name}", platform.commands[name]
    for room, (module_name, _) in ROOMS.items():
        yield from _walk(f"knowdo {room}", typer.main.get_command(importlib.import_module(module_name).app))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for word, child in sorted(children.items()):
        yield from _walk(f"{name} {word}", child)


def settings_classes() -> Iterator[type[BaseSettings]]:
    """Every settings class declared in the project."""
    for module_name in SETTINGS_MODULES:
        module = importlib.import_module(module_name)
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, BaseSettings) and thing.__module__ == module_name:
                yield thing


def variables(settings: type[BaseSettings]) -> Iterator[tuple[str, str, str]]:
    """(environment variable, default, what it is) of every setting of a class."""
    prefix = settings.model_config.get("env_prefix", "")
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        variable = alias if isinstance(alias, str) else f"{prefix}{name}"
        default = (
            "required" if field.is_required() else ("" if field.default is PydanticUndefined else repr(field.default))
        )
        yield variable.upper(), default, (field.description or "").strip()


def commands_page() -> str:
    """docs/reference/commands.md."""
    lines = [NOTE, "# Commands", ""]
    for name, command in commands():
        lines += [f"## `{name}`", "", *(line.strip() for line in (command.help or "").strip().splitlines()), ""]
        rows = []
        for parameter in command.params:
            words = ", ".join(f"`{word}`" for word in parameter.opts if word) or f"`{parameter.name}`"
            if parameter.name != "help":
                rows.append(f"| {words} | {(getattr(parameter, 'help', None) or '').strip()} |")
        if rows:
            lines += ["| word | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def settings_page() -> str:
    """docs/reference/settings.md."""
    lines = [NOTE, "# Settings", "", "Every setting is an environment variable; a secret may come from a file.", ""]
    for settings in settings_classes():
        lines += [f"## {settings.__name__}", "", (settings.__doc__ or "").strip().splitlines()[0], ""]
        lines += ["| variable | default | meaning |", "|---|---|---|"]
        lines += [
            f"| `{variable}` | {f'`{default}`' if default else ''} | {text} |"
            for variable, default, text in variables(settings)
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def grammar_page() -> str:
    """docs/reference/guidance-yaml.md."""
    said = "The JSON Schema is printed by `knowdo guidance schema`."
    return "\n".join([NOTE, "# guidance.yaml", "", said, "", *_grammar("Guidance", guidance_schema())]).rstrip() + "\n"


def transparency_page() -> str:
    """docs/reference/transparency-yaml.md."""
    said = "The JSON Schema is printed by `knowdo guidance schema --of transparency`. What `about` in guidance.yaml says is not asked here."
    lines = [NOTE, "# transparency.yaml", "", said, "", *_grammar("Transparency", transparency_schema())]
    return "\n".join(lines).rstrip() + "\n"


def _grammar(name: str, schema: dict[str, Any]) -> Iterator[str]:
    for title, part in {name: schema, **schema.get("$defs", {})}.items():
        if "properties" not in part:
            continue
        yield from (
            f"## {title}",
            "",
            part.get("description", "").strip(),
            "",
            "| key | type | meaning |",
            "|---|---|---|",
        )
        for key, value in part["properties"].items():
            must = " (required)" if key in part.get("required", ()) else ""
            yield f"| `{key}`{must} | {_type_of(value)} | {' '.join(value.get('description', '').split())} |"
        yield ""


def scores_page() -> str:
    """docs/reference/scores.md."""
    published = {name: formula for name, formula in FORMULAS.items() if formula.published}
    arithmetic = {name: formula for name, formula in FORMULAS.items() if not formula.published}
    return "\n".join(
        [
            NOTE,
            "# Scores and arithmetic",
            "",
            "A published score is a feature of `kind: score`, arithmetic one of `kind: formula`; `formula` names it, `inputs` names",
            "the feature for each argument. Arguments are in the unit shown; yes is 1, no is 0; of sex, 1 is female and 0 male.",
            "A result is withheld, never guessed, when a required argument is missing or outside its valid range. Values are held",
            "against a cut as they are reported, rounded half up. In brackets: may be missing.",
            "",
            "## Published scores",
            "",
            *_score_table(published),
            "",
            "## Arithmetic",
            "",
            *_score_table(arithmetic),
            "",
        ]
    )


def _score_table(formulas: Mapping[str, Formula]) -> Iterator[str]:
    yield "| name | arguments | result | valid for | source |"
    yield "|---|---|---|---|---|"
    for name, formula in formulas.items():
        arguments = [_argument(formula, one) for one in formula.inputs]
        valid = ", ".join(f"{one} {_span(*span)}" for one, span in formula.valid.items())
        source = re.sub(r"doi:(\S+?)(?=[;,]?(?:\s|$))", r"<https://doi.org/\1>", formula.source)
        yield f"| `{name}` | {', '.join(arguments)} | {_result(formula)} | {valid or 'any value'} | {source} |"


def _argument(formula: Formula, name: str) -> str:
    unit = formula.units.get(name)
    shown = f"`{name}`" if unit is None or unit.startswith("{") else f"`{name}` {unit}"
    return f"[{shown}]" if name in formula.optional else shown


def _result(formula: Formula) -> str:
    unit = "" if formula.unit == "1" or formula.unit.startswith("{") else f" {formula.unit}"
    return f"{_span(*formula.range)}{unit}{', sum of points' if formula.parts else ''}"


def _span(low: float, high: float) -> str:
    if math.isinf(low):
        return "any number"
    return f"from {low:g}" if math.isinf(high) else f"{low:g}-{high:g}"


def _type_of(value: dict[str, Any]) -> str:
    """A JSON Schema type as a few words."""
    if "$ref" in value:
        return str(value["$ref"].rsplit("/", 1)[-1])
    if "enum" in value:
        return " \\| ".join(f"`{word}`" for word in value["enum"])
    if "anyOf" in value:
        return " or ".join(_type_of(option) for option in value["anyOf"])
    if value.get("type") == "array" and isinstance(value.get("items"), dict):
        return f"list of {_type_of(value['items'])}"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"map of {_type_of(value['additionalProperties'])}"
    return str(value.get("type", value.get("const", "any")))


def evidence_schema() -> str:
    """docs/reference/evidence.schema.json."""
    return json.dumps(document.schema(), indent=1, ensure_ascii=False) + "\n"


def silent_schema() -> str:
    """docs/reference/silent.schema.json."""
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:knowdo:schema:silent:1",
        "title": "Knowdo evidence of a silent period",
        **msgspec.json.schema(SilentMonth),
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


PAGES = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "guidance-yaml.md": grammar_page,
    "transparency-yaml.md": transparency_page,
    "source-attributes.md": lambda: reference_transparency.attributes_page(NOTE),
    "controls.md": lambda: reference_transparency.controls_page(NOTE),
    "scores.md": scores_page,
    document.SCHEMA_FILE: evidence_schema,
    "silent.schema.json": silent_schema,
    "metrics.md": lambda: reference_metrics.page(NOTE),
    "expert-checklist.md": lambda: reference_checklist.page(NOTE),
    **reference_guidance.pages(NOTE),
}


def main() -> None:
    """Write every reference page."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).parent.mkdir(exist_ok=True)
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")


if __name__ == "__main__":
    main()
