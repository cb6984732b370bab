"""Show 4: readmission-30d and in-hospital-mortality, really learned: every attribute filled, each computed one recomputed.

And with the same training the whole way of readmission-30d to general use.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from services.guidance.lifecycle import Check
from services.guidance.policies import POLICIES
from services.guidance.release import pack
from services.guidance.transparency.attributes import BY_KEY
from services.guidance.transparency.disclosed import Filled, attributes_check, disclose
from services.plumbing.event_store import EventStore
from services.registry.decisions.gates import check_gate
from services.registry.settings import RegistrySettings
from tests.end_to_end import recomputed
from tests.end_to_end.learned_library import NAMES, Learned, learned, lived
from tests.end_to_end.way_to_general import heard_and_counted, silent_pack, step_to, trial_pack
from tests.registry import samples
from tests.registry.conftest import Clock, running

NOW = datetime(2026, 6, 2, 9, 30, tzinfo=UTC)
readmission = pytest.mark.parametrize("one", ["readmission-30d"], indirect=True)
"""For what is asked of one of the two."""
NO_EXTERNAL = "No evidence of an external validation is filed."
NO_SILENCE = "No silent period has been evaluated here yet."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the hospital stands."""
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="module")
def store(folder: Path) -> EventStore:
    """A demo hospital, lived once."""
    return lived(folder)


@pytest.fixture(scope="module", params=NAMES)
def one(request: pytest.FixtureRequest, folder: Path, store: EventStore) -> Learned:
    """Each of the two guidances in turn."""
    return learned(request.param, folder, store)


def filled_of(one: Learned) -> dict[str, Filled]:
    """Every attribute by its key."""
    return {found.attribute.key: found for kind in disclose(one.facts, now=NOW).values() for found in kind}


def expected_of(one: Learned) -> dict[str, list[str]]:
    """Attribute → what its computed part must say, from rows, risks and YAML."""
    text, limits, plan = one.text, one.text.get("evidence", {}), one.text["change_plan"]
    about, policy = text["about"], text["policy"]
    low, high = limits.get("observed_expected", (0.8, 1.25))
    against = (
        f"observed to expected {low:g} to {high:g}; AUROC at most {limits.get('auroc_below', 0.05):g} below that of all; at most "
        f"{100 * limits.get('missed_above', 0.1):.0f}% more missed, {100 * limits.get('false_alarms_above', 0.1):.0f}% more false alarms"
    )
    risks = yaml.safe_load(one.trained.bundle.files["transparency.yaml"])["risks"]
    uses = recomputed.uses(one)
    offers = [offer["label"] for card in text["cards"].values() for offer in card.get("suggestions", [])]
    sites = len(one.found["risk"].rows.sites.names)
    return {
        "output_type": [text["outcome"]["name"], *(other["label"] for other in text.get("predictions", {}).values()), *offers],
        "population": [recomputed.rules(one)],
        "limitations": [about["harm_of_false_positive"], about["harm_of_false_negative"], *(f"{risk['hazard']} (left with its control: {risk['residual']})" for risk in risks)],
        "training_criteria": [recomputed.rules(one), recomputed.learned_from(one)],
        "input_variables": [f"{said}: {uses[key]}" for key, said in (("race", "race"), ("sex", "sex"), ("birth_date", "date of birth"), ("language", "language"))],
        "training_demographics": [],  # counted on its own, below
        "relevance": [recomputed.learned_from(one), f"{sites} sites were each left out and tested."],
        "test_validity": recomputed.validity(one),
        "test_fairness": [*recomputed.fairness(one), against],
        "validity_monitoring": [f"limits {low:g} to {high:g}", f"at most {100 * policy['alert_budget']:.0f}% of calls"],
        "fairness_monitoring": [against],
        "update_process": [
            f"Change plan {plan['version']}: within it may change coefficients and calibration; at most {plan['updates_per_year']} updates a year, "
            f"none more than {plan['not_worse_by']:g} AUROC below", plan["method"].strip(), plan["roll_back"].strip(),
            "to be confirmed by the committee: " + "; ".join(plan["to_confirm"]),
        ],
        "correction_process": [f"within {plan['response_hours']} hours by {plan['owner']}"],
        "release_dates": [f"version {text['version']} proposed 2026-06-02"],
        **{f"use_of_{key}": [said] for key, said in uses.items()},
    }  # fmt: skip


NOT_AVAILABLE = {
    "external_demographics": NO_EXTERNAL, "external_validity": NO_EXTERNAL, "external_fairness": NO_EXTERNAL,
    "outcome_evaluation": "No trial or other evaluation of its use on outcomes is filed.",
    "local_validity": NO_SILENCE, "local_fairness": NO_SILENCE,
}  # fmt: skip


def test_all_44_attributes_are_filled_and_each_computed_one_is_what_rows_and_text_give(one: Learned) -> None:
    """None is left out here: what is computed is recomputed by other code, or is said not to be available and why."""
    check = attributes_check(one.facts, disclose(one.facts, now=NOW))
    assert (check.verdict, check.found[:15]) == ("meets", "44 of 44 filled")
    filled, expected = filled_of(one), expected_of(one)
    computed = {key for key, attribute in BY_KEY.items() if attribute.filled != "author"}
    assert expected.keys() | NOT_AVAILABLE.keys() == computed
    for key, said in expected.items():
        for part in said:
            assert " ".join(part.split()) in filled[key].computed, key
    assert {key: filled[key].not_available for key in NOT_AVAILABLE} == NOT_AVAILABLE
    pack, release = one.trained.pack.digest, one.trained.bundle.digest
    from_evidence = {"training_criteria", "training_demographics", "relevance", "test_validity", "test_fairness"}
    assert {key: filled[key].evidence for key in expected} == {
        key: pack if key in from_evidence else release for key in expected
    }


def test_the_patients_of_each_group_are_those_of_the_rows(one: Learned) -> None:
    """Every group that the rows hold is told with its patients, and no other; of fewer than ten no count."""
    told = filled_of(one)["training_demographics"].computed
    found: dict[str, dict[str, str]] = {}
    for part in told.removeprefix("Patients by ").rstrip(".").split("; by "):
        attribute, _, groups = part.partition(": ")
        found[attribute] = {
            match[1]: match[2]
            for match in re.finditer(r"([^,]+?) ([\d,]+|fewer than 10)(?: \(<?\d+%\))?(?:, |$)", groups)
        }
    assert found == {
        attribute: {value: "fewer than 10" if n < 10 else f"{n:,}" for value, n in groups.items()}
        for attribute, groups in recomputed.demographics(one).items()
    }


def test_later_time_is_told_with_the_rows_of_that_time(one: Learned) -> None:
    """Rows and events between the two days, counted in the rows; where nothing could be told, the reason stands there."""
    text = filled_of(one)["test_validity"].computed
    for name, found in one.found.items():
        temporal = next(two for two in found.judged.validations if two.scheme == "temporal")
        if temporal.auroc is None:
            assert f"Not told in later time: {temporal.unjudged}" in text
            continue
        first, last = temporal.name.split(" to ")
        days = found.rows.at.astype("datetime64[us]").astype("datetime64[D]").astype(str)
        within = (days >= first) & (days <= last)
        events = int(found.rows.y[within].sum())
        assert f"In later time ({temporal.name}, {within.sum():,} rows, {events:,} events): AUROC" in text, name


@readmission
def test_who_was_left_out_adds_up_to_the_stays_in_the_files(one: Learned, folder: Path) -> None:
    """The inpatient stays that the hospital wrote, less those left out, are the rows: counted in the FHIR files themselves."""
    inpatient = {"IMP", "ACUTE", "NONAC"}
    with (folder / "hospital" / "fhir" / "Encounter.ndjson").open(encoding="utf-8") as lines:
        stays = sum(json.loads(line)["class"]["code"] in inpatient for line in lines)
    text = filled_of(one)["training_criteria"].computed
    left = sum(int(n.replace(",", "")) for n in re.findall(r" ([\d,]+)[;.]", text.partition("Left out, in turn: ")[2]))
    assert stays - left == sum(one.found["risk"].judged.states.values())


@readmission
@pytest.mark.anyio
async def test_readmission_goes_the_whole_way_to_general_under_the_demo_policy(one: Learned, tmp_path: Path) -> None:
    """Every gate with a really learned pack; before the last one a clinician must confirm what the change plan only proposes."""
    bundle, budget = one.trained.bundle, one.guidance.policy.alert_budget
    async with running(RegistrySettings(var=tmp_path, policy="demo"), Clock()) as house:
        packs = (one.trained.pack, silent_pack(bundle.digest, budget=budget))
        proposed = await house.propose(bundle, evidence=packs)
        for state in ("development", "silent", "pilot"):
            if state == "pilot":
                await house.make_ready(proposed)
            taken = await step_to(house, proposed, state)  # type: ignore[arg-type]
            assert taken["state"] == state, taken["after"]["failed_checks"]
        doubts = {check["name"] for check in taken["before"]["checks"] if check["verdict"] == "cannot tell"}
        assert {
            "groups/age",
            "groups/race",
            "groups/site",
            "calibration",
        } <= doubts  # so small a hospital: people answer
        known = await house.as_("Kim Auditor").proposal(proposed.proposal)
        general = next(step for step in known["steps"] if step["to"] == "general")
        failing = {check["name"] for check in general["checks"] if check["verdict"] == "does not meet"}
        assert failing == {"trial-evidence", "monitors-live"}
        trial = trial_pack(bundle.digest, known["trial"]["digest"])
        await house.as_("learner").add_evidence(proposed.proposal, pack(trial))
        await heard_and_counted(house, proposed, "pilot")
        taken = await step_to(house, proposed, "general", but=frozenset({"change-plan"}))
        assert (taken["state"], taken["after"]["failed_checks"]) == ("pilot", ["change-plan"])
        plan = next(check for check in taken["before"]["checks"] if check["name"] == "change-plan")
        assert (plan["verdict"], plan["accepted_by"]) == ("cannot tell", ["clinical-reviewer"])
        assert "to be confirmed: at most 4 updates a year" in plan["found"]
        await house.as_("Ann Clinical").vote(
            proposed.proposal, transition="general", role="clinical-reviewer", vote="withdraw", release=proposed.release,
            evidence=[], reason="to confirm the plan",
        )  # fmt: skip
        taken = await step_to(house, proposed, "general")
        assert taken["state"] == "general"
        attributes = await house.as_("Kim Auditor").attributes("readmission-30d")
        assert attributes["sourceAttributeComplete"] is True


@readmission
def test_what_is_missing_for_the_same_way_under_the_standard_policy(one: Learned) -> None:
    """Numbers of patients, and nothing else: rows for Riley's criteria, a larger silent period, a larger trial."""
    release = one.trained.bundle.digest
    around = samples.ready()
    packs = {
        "training": one.trained.pack, "silent": silent_pack(release, budget=one.guidance.policy.alert_budget),
        "trial": trial_pack(release, samples.TRIAL.digest),
    }  # fmt: skip

    def missing(policy: str) -> dict[str, Check]:
        found = check_gate(
            "general", guidance=one.guidance, release=release, packs=packs, policy=POLICIES[policy], around=around  # type: ignore[arg-type]
        )  # fmt: skip
        return {check.name: check for check in found if check.verdict == "does not meet"}

    assert missing("demo") == {}
    found = missing("standard")
    assert set(found) == {"sample-size", "silent-size", "trial-size"}
    size = found["sample-size"].numbers
    assert size["rows"] < size["needed"]
