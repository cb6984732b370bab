"""Calls that the items share: a patient for whom there is a card, and what discovery offers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from services.guidance.check import load_guidance
from services.guidance.prefetch import prefetch_templates
from services.timeline.codes import ValueSets
from tests.cds.conftest import Running
from tests.cds.tea import bundle, haemoglobin, hook_request, patient

PROJECT: Final = Path(__file__).resolve().parents[3]
DISCOVERY: Final = "/cds-services"
TEA: Final = "/cds-services/tea-time"


async def services(cds: Running) -> list[dict[str, Any]]:
    """What discovery lists."""
    listed: list[dict[str, Any]] = (await cds.http.get(DISCOVERY)).json()["services"]
    return listed


async def full(cds: Running, of: str = "p1", **by_type: Any) -> dict[str, Any]:
    """All of the prefetch of an old woman with too little haemoglobin; resource types can be given anew."""
    found = {"Patient": patient(of), "Observation": bundle(haemoglobin(8.5, of=of))} | by_type
    templates = (await services(cds))[0]["prefetch"]
    return {key: found.get(template.partition("?")[0].partition("/")[0]) for key, template in templates.items()}


async def without(cds: Running, *kinds: str, of: str = "p1") -> dict[str, Any]:
    """The same without the keys of some resource types."""
    templates = (await services(cds))[0]["prefetch"]
    return {key: value for key, value in (await full(cds, of)).items() if not templates[key].startswith(kinds)}


async def answer(cds: Running, of: str = "p1") -> dict[str, Any]:
    """The answer for a patient for whom there is a card."""
    said = await cds.call(hook_request(await full(cds, of), of=of))
    assert said.status_code == 200, said.text
    content: dict[str, Any] = said.json()
    return content


async def card(cds: Running, of: str = "p1") -> dict[str, Any]:
    """The card for that patient."""
    (one,) = (await answer(cds, of))["cards"]
    found: dict[str, Any] = one
    return found


def library_templates() -> Iterator[tuple[str, str, str]]:
    """(guidance, hook, template) of everything that is shipped."""
    folders = sorted((PROJECT / "services" / "guidance" / "library").glob("*/guidance.yaml"))
    assert folders
    for folder in folders:
        loaded = load_guidance(folder.parent)
        raw = loaded.files.get("value_sets.json", b"{}")
        value_sets = ValueSets.from_mapping(json.loads(raw), place="value_sets.json")
        for hook in loaded.definition.hooks:
            for template in prefetch_templates(loaded.definition, value_sets, hook=hook.hook).values():
                yield loaded.definition.id, hook.hook, template
