"""What trips services at the official CDS Hooks Sandbox, the tool every evaluator tries first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.cds.clients.profile import read_profiles
from services.cds.clients.speak import answer_of
from tests.cds.clients.cards import create
from tests.cds.clients.ehr import card_of, tea_with, thirsty, trusting
from tests.cds.conftest import URL
from tests.cds.tea import tea_bundle

pytestmark = pytest.mark.anyio
SANDBOX = read_profiles().named("sandbox")
LIBRARY = Path(__file__).resolve().parents[3] / "services/guidance/library"
ORIGIN = "https://sandbox.cds-hooks.org"


async def test_its_browser_may_call_every_route_with_both_headers(tmp_path: Path) -> None:
    """Preflight on discovery, service and feedback: `Authorization` and `Content-Type`; and answers it can read."""
    async with trusting("sandbox", tmp_path, tea_bundle()) as cds:
        for path, method in (("", "GET"), ("/tea-time", "POST"), ("/tea-time/feedback", "POST")):
            headers = {
                "Origin": ORIGIN,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization,content-type",
            }
            answer = await cds.http.options(f"/cds-services{path}", headers=headers)
            assert answer.status_code == 200
            assert {"authorization", "content-type"} <= {
                one.strip().lower() for one in answer.headers["access-control-allow-headers"].split(",")
            }
        refused = await cds.http.post("/cds-services/tea-time", json={}, headers={"Origin": ORIGIN})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")


async def test_slashes_that_it_makes_of_a_discovery_url_are_forgiven_in_path_and_audience(tmp_path: Path) -> None:
    """A trailing slash in the discovery URL yields `//id` in the path and in `aud`."""
    async with trusting("sandbox", tmp_path, tea_bundle()) as cds:
        signed = {"Authorization": f"Bearer {cds.ehr.token(URL + '/cds-services//tea-time')}"}
        answer = await cds.http.post("/cds-services//tea-time", json=await thirsty(cds), headers=signed)
    assert await card_of(answer)


def test_system_actions_are_mirrored_where_it_reads_them() -> None:
    """It looks at `extension.systemActions`; both places say the same, and neither is there without an action."""
    agreed = msgspec.structs.replace(
        SANDBOX, system_actions=msgspec.structs.replace(SANDBOX.system_actions, hooks=("order-sign",))
    )
    acts = [create("Note it", "Flag")]
    assert answer_of([], agreed, hook="order-sign", system_actions=acts) == {
        "cards": [], "systemActions": acts, "extension": {"systemActions": acts},
    }  # fmt: skip
    assert answer_of([], agreed, hook="order-sign") == {"cards": []}


async def test_a_sites_agreement_lets_system_actions_out_and_the_log_keeps_them(tmp_path: Path) -> None:
    """From the guidance, bound to the patient, only under the profile that says so; what was sent is in the decision."""

    def acting(guidance: dict[str, Any]) -> None:
        guidance["cards"]["tea"]["system_actions"] = [{"description": "Note the tea", "resource": "tea.json"}]

    release = tea_with(tmp_path, acting)
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "sandbox.yaml").write_text("extends: sandbox\nsystem_actions: {hooks: [patient-view]}\n")
    async with trusting("sandbox", tmp_path / "agreed", release, profiles=folder) as cds:
        answer = (await cds.call(await thirsty(cds))).json()
        (kept,) = cds.decisions()
    (action,) = answer["systemActions"]
    assert (action["type"], action["description"]) == ("create", "Note the tea")
    assert action["resource"]["subject"] == {"reference": "Patient/p1"}
    assert answer["extension"]["systemActions"] == kept["system_actions"] == [action]
    async with trusting("sandbox", tmp_path / "not", release) as cds:
        answer = (await cds.call(await thirsty(cds))).json()
        (kept,) = cds.decisions()
    assert answer.keys() == {"cards"}
    assert kept["system_actions"] is None


def test_every_medicine_that_is_suggested_has_the_text_and_the_code_that_it_shows() -> None:
    """It does nothing with a MedicationRequest without `medicationCodeableConcept.text` and a first code."""
    resources = [json.loads(path.read_bytes()) for path in LIBRARY.glob("*/resources/*.json")]
    medicines = [one for one in resources if one["resourceType"] == "MedicationRequest"]
    assert medicines
    for one in medicines:
        concept = one["medicationCodeableConcept"]
        assert concept["text"]
        assert concept["coding"][0]["code"]


async def test_a_reason_without_display_is_kept(tmp_path: Path) -> None:
    """Its feedback carries code and system alone."""
    async with trusting("sandbox", tmp_path, tea_bundle()) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
        reason = {name: made["overrideReasons"][0][name] for name in ("code", "system")}
        entry = {"card": made["uuid"], "outcome": "overridden", "overrideReason": {"reason": reason}}
        assert (await cds.post("/cds-services/tea-time/feedback", {"feedback": [entry]})).status_code == 200
        (kept,) = cds.decisions()
    assert kept["feedback"][0]["override_reason"] == {"reason": reason}
