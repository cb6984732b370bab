"""What trips services at Epic (fhir.epic.com/Documentation?docId=cds-hooks), each habit a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.cds.clients.profile import read_profiles
from services.cds.clients.speak import speak
from services.guidance.release import build_release
from tests.cds import test_nephrotoxin_aki as nephrotoxin
from tests.cds.clients.cards import button, card, create, delete
from tests.cds.clients.ehr import card_of, tea_with, thirsty, trusting
from tests.cds.conftest import URL
from tests.cds.tea import tea_bundle

pytestmark = pytest.mark.anyio
EPIC = read_profiles().named("epic")
TRIGGER = "com.epic.cdshooks.request.bpa-trigger-action"
SENT = {
    TRIGGER: "27",
    "com.epic.cdshooks.request.fhir-version": "R4",
    "com.epic.cdshooks.request.criteria-id": "2852",
    "internal.epic.cdshooks.request.epic-emp-id": "17805",
}


def _two_steps(guidance: dict[str, Any]) -> None:
    """The first button gets a second step, the second button steps that belong together."""
    first, second = guidance["cards"]["tea"]["suggestions"]
    first["actions"].append({"description": "Ask the kitchen for biscuits", "resource": "tea.json"})
    second["actions"].append({"description": "Take the coffee away", "resource": "tea.json"})
    second["together"] = True


async def test_independent_steps_become_buttons_of_their_own(tmp_path: Path) -> None:
    """Only a single action per suggestion: two steps that do not need one another are two buttons, each with a uuid."""
    async with trusting("epic", tmp_path, tea_with(tmp_path, _two_steps)) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
        (kept,) = cds.decisions()
    assert [one["label"] for one in made["suggestions"]] == ["Ask the kitchen for tea", "Ask the kitchen for biscuits"]
    assert all(len(one["actions"]) == 1 for one in made["suggestions"])
    assert len({one["uuid"] for one in made["suggestions"]}) == 2
    assert kept["card"] == made


async def test_steps_that_belong_together_are_said_and_never_parted(tmp_path: Path) -> None:
    """A button that Epic cannot show whole is no button: the card says its steps."""
    async with trusting("epic", tmp_path, tea_with(tmp_path, _two_steps)) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
    said = made["detail"].replace("\\", "")
    assert "Bring iron" not in [one["label"] for one in made["suggestions"]]
    assert (
        "**Bring iron** is no button here, because its steps belong together: "
        "Ask the kitchen for tea with iron and Take the coffee away." in said
    )


def test_a_replacement_is_never_parted() -> None:
    """Delete and create without each other would take a medicine away, or add a second one."""
    replace = button("Replace ibuprofen", delete("Stop ibuprofen 400 mg"), create("Start paracetamol"))
    spoken = speak(card(replace, button("Check creatinine", create("Order creatinine"))), EPIC)
    assert [one["label"] for one in spoken["suggestions"]] == ["Check creatinine"]
    assert "Stop ibuprofen 400 mg and Start paracetamol" in spoken["detail"]
    alone = speak(card(replace), EPIC)
    assert "suggestions" not in alone
    assert "selectionBehavior" not in alone


def test_a_delete_alone_is_a_button() -> None:
    """One action is one action."""
    assert len(speak(card(button("Stop ibuprofen", delete("Stop it"))), EPIC)["suggestions"]) == 1


def test_only_any_is_a_selection_behavior_and_the_choice_is_said() -> None:
    """`at-most-one` is not supported: the buttons stay, and the card says to press one."""
    made = card(button("A", create("Do A")), button("B", create("Do B")), selection="at-most-one")
    spoken = speak(made, EPIC)
    assert spoken["selectionBehavior"] == "any"
    assert spoken["detail"].endswith("Choose at most one of these: **A** and **B**.")


async def test_the_topic_is_static_and_alphanumeric(tmp_path: Path) -> None:
    """It keys the user's memory of overrides: letters and digits, the same on every card of a guidance."""
    async with trusting("epic", tmp_path, tea_bundle()) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
    assert made["source"]["topic"] == {"system": "urn:knowdo:guidance", "code": "teatime", "display": "Tea time"}


def test_words_of_the_record_in_a_step_cannot_mark_up_the_card() -> None:
    """What is said in words is escaped: the name of a draft order is the client's text."""
    odd = button("Replace", delete("Stop <b>x</b> [y](http://evil.example)"), create("Start z"))
    detail = speak(card(odd), EPIC)["detail"]
    assert "<b>" not in detail
    assert "](http" not in detail


async def test_a_native_trigger_that_stands_for_a_hook_is_heard_as_that_hook(tmp_path: Path) -> None:
    """The discharge section arrives as patient-view: a guidance that speaks at discharge is asked at discharge."""

    def at_discharge(guidance: dict[str, Any]) -> None:
        guidance["hooks"] = [{"hook": "encounter-discharge"}]

    async with trusting("epic", tmp_path, tea_with(tmp_path, at_discharge)) as cds:
        plain = await cds.call(await thirsty(cds))
        by_trigger = await cds.call(await thirsty(cds) | {"extension": SENT})
        (kept,) = cds.decisions()
    assert plain.status_code == 400
    assert len(by_trigger.json()["cards"]) == 1
    assert kept["hook"] == "encounter-discharge"
    assert "IP Discharge OPA section (27), on patient-view" in kept["reason"]


@pytest.mark.parametrize(
    ("extension", "hook", "said"),
    [
        (SENT | {TRIGGER: 60}, "patient-view", "Open patient chart (60)"),
        (SENT | {TRIGGER: "18"}, "patient-view", "Enter order (18)"),
        (SENT | {TRIGGER: "4711"}, "patient-view", ""),
        (SENT | {TRIGGER: ["27"]}, "patient-view", ""),
        ("a string", "patient-view", ""),
        (None, "patient-view", ""),
    ],
)
async def test_any_other_trigger_leaves_the_hook_and_is_noted(
    tmp_path: Path, extension: Any, hook: str, said: str
) -> None:
    """The extension is the client's own: an unknown value, another shape or none at all costs no answer."""
    async with trusting("epic", tmp_path, tea_bundle()) as cds:
        answer = await cds.call(await thirsty(cds) | {"extension": extension})
        (kept,) = cds.decisions()
    assert answer.status_code == 200
    assert kept["hook"] == hook
    assert (said in kept["reason"]) if said else ("trigger" not in kept["reason"])


async def test_another_clients_extension_of_that_name_means_nothing(tmp_path: Path) -> None:
    """Only the profile of the issuer gives it a meaning."""
    async with trusting("default", tmp_path, tea_bundle()) as cds:
        await cds.call(await thirsty(cds) | {"extension": SENT})
        (kept,) = cds.decisions()
    assert (kept["hook"], "OPA" in kept["reason"]) == ("patient-view", False)


async def test_prefetch_keys_that_a_site_renamed_are_understood_and_others_read_over(tmp_path: Path) -> None:
    """Keys are typed in by hand: `patientDemographics` for `patient`, and `-user` that nobody asked for."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "epic.yaml").write_text("extends: epic\nprefetch: {keys: {patient: patientDemographics}}\n")
    async with trusting("epic", tmp_path, tea_bundle(), profiles=folder) as cds:
        request = await thirsty(cds)
        sent = request["prefetch"]
        sent["patientDemographics"] = sent.pop("patient")
        sent["-user"] = {"resourceType": "PractitionerRole", "id": "u1"}
        assert await card_of(await cds.call(request))
        unnamed = await cds.call(await thirsty(cds) | {"prefetch": {"demographics": sent["patientDemographics"]}})
    assert unnamed.status_code == 412


async def test_one_audience_for_all_endpoints_is_accepted(tmp_path: Path) -> None:
    """`aud` is typed in once for a client: this service's address serves; another's does not."""
    async with trusting("epic", tmp_path, tea_bundle()) as cds:
        for audience, status in ((f"{URL}/cds-services", 200), (URL, 200), ("https://other.example", 401)):
            signed = {"Authorization": f"Bearer {cds.ehr.token(audience)}"}
            assert (await cds.call(await thirsty(cds), **signed)).status_code == status, audience
    async with trusting("default", tmp_path, tea_bundle()) as cds:
        signed = {"Authorization": f"Bearer {cds.ehr.token(URL)}"}
        assert (await cds.call(await thirsty(cds), **signed)).status_code == 401


async def test_its_feedback_is_joined_to_the_decision(tmp_path: Path) -> None:
    """`overrideReasons` with the reason that the card offered; batched, and sent twice."""
    async with trusting("epic", tmp_path, tea_bundle()) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
        reason = {"reason": made["overrideReasons"][0], "userComment": "later"}
        entry = {
            "card": made["uuid"],
            "outcome": "overridden",
            "outcomeTimestamp": "2026-03-01T12:05:00Z",
            "overrideReasons": reason,
        }
        for batch in ([entry, {"card": "123456", "outcome": "accepted"}], [entry]):
            assert (await cds.post("/cds-services/tea-time/feedback", {"feedback": batch})).status_code == 200
        (kept,) = cds.decisions()
    (said,) = kept["feedback"]
    assert (said["override_reason"], said["comment"]) == (reason, "later")


async def test_a_draft_that_would_be_replaced_is_said_in_words_through_the_whole_service(tmp_path: Path) -> None:
    """nephrotoxin-aki: elsewhere one button deletes the draft and creates another; here it is no button, and no half."""
    ibuprofen = nephrotoxin.order("d1", nephrotoxin.IBUPROFEN, **nephrotoxin.NAMED)
    request = nephrotoxin.call(ibuprofen, held=(nephrotoxin.creatinine(1.9),))
    release = build_release(nephrotoxin.LOADED, nephrotoxin.model(-1.4), nephrotoxin.REFERENCE)
    spoken: dict[str, dict[str, Any]] = {}
    for profile in ("default", "epic"):
        async with trusting(profile, tmp_path / profile, release) as cds:
            spoken[profile] = await card_of(await cds.call(request, "nephrotoxin-aki"))
    whole = {one["label"] for one in spoken["default"]["suggestions"] if len(one["actions"]) > 1}
    assert whole
    offered = spoken["epic"].get("suggestions", [])
    assert not any(action["type"] == "delete" for one in offered for action in one["actions"])
    said = spoken["epic"]["detail"].replace("\\", "")
    for label in whole:
        assert f"**{label}** is no button here" in said


async def test_without_its_scope_for_unsigned_orders_nothing_reads_as_no_risk(tmp_path: Path) -> None:
    """nephrotoxin-aki: a call that lacks draftOrders is not refused as malformed, and is answered with 412, not with silence."""
    request = nephrotoxin.call(held=(nephrotoxin.creatinine(1.9),), context={})
    release = build_release(nephrotoxin.LOADED, nephrotoxin.model(-1.4), nephrotoxin.REFERENCE)
    async with trusting("epic", tmp_path, release) as cds:
        answer = await cds.call(request, "nephrotoxin-aki")
        (kept,) = cds.decisions()
    assert answer.status_code == 412
    assert "draft orders" in answer.text
    assert kept["status"] == "unknown"
