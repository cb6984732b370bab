"""Hook requests that others wrote: each is answered by a service of its hook, never with a 500 and never with a wrong card.

From the texts of the specification, the hooks library, the Da Vinci guide and Inferno's tests. Their patients are not ours:
a card may only come where we know the patient, so the same calls are made again with a patient that we know.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.cds.settings import CdsSettings
from services.guidance.check import load_files, load_guidance
from services.guidance.folder import GUIDANCE_FILE, LoadedGuidance
from services.guidance.hooks import CURRENT_HOOKS
from services.guidance.manifest import Where
from services.guidance.release import build_release
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import FOLDER, MODEL, REFERENCE, bundle, haemoglobin, patient

pytestmark = pytest.mark.anyio


def tea_on_every_hook() -> LoadedGuidance:
    """The tiny guidance, which speaks on every current hook."""
    files = dict(load_guidance(FOLDER).files)
    hooks = "".join(f"  - hook: {name}\n" for name in sorted(CURRENT_HOOKS))
    text = files[GUIDANCE_FILE].decode()
    begin, end = text.index("hooks:\n"), text.index("index:\n")
    files[GUIDANCE_FILE] = (text[:begin] + "hooks:\n" + hooks + text[end:]).encode()
    return load_files(files)


@pytest.fixture
async def everywhere(settings: CdsSettings) -> AsyncIterator[Running]:
    """A service that answers every current hook."""
    registry = FakeRegistry()
    where = Where(sites=("*",), hooks=tuple(sorted(CURRENT_HOOKS)))
    registry.deploy(build_release(tea_on_every_hook(), json.dumps(MODEL).encode(), REFERENCE), where=where)
    async with run(settings, registry, client=registry.client()) as cds:
        yield cds


def calls(shared: Path) -> dict[str, dict[str, Any]]:
    """Every example that is a call, or the context of one, by the name of its file."""
    found = {}
    for path in sorted((shared / "data/cds-hooks").glob("*.json")):
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or "context" not in content:
            continue  # an answer, discovery, feedback
        name = path.stem.split("_")[1] if path.stem.startswith("hooklib_") else content.get("hook")
        found[path.name] = {"hookInstance": str(uuid.uuid4()), **content, "hook": name}
    return found


async def test_every_example_is_answered_and_none_with_a_card_about_a_stranger(
    everywhere: Running, shared: Path
) -> None:
    """Without the data: 412 that names it; what is incomplete or of another hook: 400; no card, no 500."""
    answers = {}
    for name, request in calls(shared).items():
        answer = await everywhere.call(request)
        answers[name] = answer.status_code
        assert "cards" not in answer.json() or answer.json()["cards"] == [], name
        assert answer.status_code in {200, 400, 412}, (name, answer.text)
        if answer.status_code == 400:
            assert "In $." in answer.text or "In hook" in answer.text, answer.text
    assert len(answers) >= 20
    # Some bring a patient under the key that we use: looked at, and no reason to speak.
    assert {row["status"] for row in everywhere.decisions()} <= {"unknown", "outside", "below-band", "abstained"}
    refused = {name for name, status in answers.items() if status == 400}
    # No patient; a hook that nobody defined; two hooks that are deprecated, which no guidance asks for.
    assert refused == {
        "spec3_13.json",
        "inferno_fancy_structure.json",
        "hooklib_medication-prescribe_1.json",
        "hooklib_order-review_1.json",
    }


async def test_every_example_gives_the_card_of_a_patient_that_is_known(everywhere: Running, shared: Path) -> None:
    """Their hook and their context, our patient's data: one card, about that patient and with what is theirs."""
    keys = (await everywhere.http.get("/cds-services")).json()["services"][0]["prefetch"]
    answered = set()
    for number, (name, request) in enumerate(calls(shared).items()):
        if request["hook"] not in CURRENT_HOOKS or name == "spec3_13.json":
            continue
        known = f"known-{number}"
        resources = {"Patient": patient(known), "Observation": bundle(haemoglobin(8.5, of=known))}
        sent = {key: resources.get(template.partition("?")[0].partition("/")[0]) for key, template in keys.items()}
        changed = {**request, "context": {**request["context"], "patientId": known}, "prefetch": sent}
        answer = await everywhere.call(changed)
        assert answer.status_code == 200, (name, answer.text)
        (card,) = answer.json()["cards"]
        assert card["summary"] == "Risk of thirst 62% (average 12%). Offer tea."
        drafted = [action["resource"] for one in card["suggestions"] for action in one["actions"]]
        assert {one["subject"]["reference"] for one in drafted} == {f"Patient/{known}"}
        answered.add(request["hook"])
    assert answered == CURRENT_HOOKS  # there is an example of each
