"""Tests of services.guidance.transparency.disclosed: three hands fill them, and a blank one is never passed over."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.guidance.check import load_guidance
from services.guidance.checking.transparency import read_transparency
from services.guidance.errors import Refused
from services.guidance.evidence import Kind
from services.guidance.release import EvidencePack
from services.guidance.transparency.attributes import PREDICTIVE
from services.guidance.transparency.disclosed import Edit, Filled, Given, attributes_check, checked_edit, disclose
from services.guidance.transparency.disclosure import Transparency
from services.guidance.transparency.readings import Dated, Facts
from services.timeline.errors import BadInput
from tests.guidance.transparency.made_up import RELEASE, facts
from tests.registry import samples

LIBRARY = Path(__file__).resolve().parents[3] / "services/guidance/library"
NOW = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)


def by_key(known: Facts, **edits: Edit) -> dict[str, Filled]:
    """Every attribute by its key."""
    return {one.attribute.key: one for kind in disclose(known, edits=edits, now=NOW).values() for one in kind}


def edit(key: str, given: Given, replaced: object) -> Edit:
    """A correction by a person."""
    return Edit(
        key=key, given=given, replaced=replaced, by="Ben Data", role="data-science-reviewer", at="…", why="more exact",  # type: ignore[arg-type]
    )  # fmt: skip


def test_with_its_evidence_it_is_complete_and_each_computed_one_names_what_it_rests_on() -> None:
    """A computed attribute carries the digest of its pack (else of the release) and the time at which it was computed."""
    known = facts("training", "silent")
    check = attributes_check(known, disclose(known, now=NOW))
    assert check.verdict == "meets"
    assert check.found.startswith("44 of 44 filled")
    filled = by_key(known)
    training, silent = known.packs["training"].digest, known.packs["silent"].digest
    assert {filled[key].evidence for key in ("training_criteria", "test_validity", "test_fairness")} == {training}
    assert filled["local_validity"].evidence == silent
    assert filled["output_type"].evidence == RELEASE
    assert {one.computed_at for one in filled.values() if one.evidence} == {"2026-11-22T14:02:07Z"}
    assert all(one.shown["evidence"] for one in filled.values() if one.attribute.filled == "computed")


def test_what_is_said_is_what_the_evidence_says() -> None:
    """Numbers come from the packs, with their counts and intervals."""
    unknown = samples.groups(RELEASE, not_looked_at=[{"attribute": "race", "why": "not recorded"}])
    filled = by_key(facts("silent", training=samples.training_pack(RELEASE, files={"evidence.json": unknown})))
    assert "AUROC 0.720 (0.700 to 0.740)" in filled["test_validity"].text
    assert "In later time (2025-02-01 to 2025-12-31, 560 rows, 66 events)" in filled["test_validity"].text
    assert filled["training_demographics"].text == (
        "Patients by sex: female 700 (50%), male 700 (50%). Not told apart by race: not recorded."
    )
    assert "2 groups; meets 2, does not meet 0, cannot tell 0" in filled["test_fairness"].text
    assert "Left out, in turn: not: age at least 18 70." in filled["training_criteria"].text
    assert "300 events where 295.0 were expected, ratio 1.02 (0.91 to 1.14)" in filled["local_validity"].text
    assert "race: read for fairness audits only" in filled["input_variables"].text
    assert filled["use_of_birth_date"].text == "input of the prediction"


def test_without_evidence_what_may_be_unavailable_says_why_and_the_rest_is_missing() -> None:
    """Blank is never passed over: of the eleven a reason is given, of the others the gate names each."""
    known = facts()
    filled = by_key(known)
    assert filled["external_validity"].not_available == "No evidence of an external validation is filed."
    assert filled["test_validity"].shown["value"] is None
    check = attributes_check(known, disclose(known, now=NOW))
    assert check.verdict == "does not meet"
    assert "(7)(i) test_validity: no training evidence is filed" in check.found


def test_a_group_that_does_not_meet_is_named() -> None:
    """Fairness is told with the groups for whom it does not hold."""
    pack = samples.training_pack(RELEASE)
    worse = [samples.group("sex", value, auroc=(0.4, 0.5)) for value in ("female", "male")]
    bad = EvidencePack(
        evidence="training", release=RELEASE, files={**pack.files, "evidence.json": samples.groups(RELEASE, *worse)}
    )
    assert "Does not meet: sex female and sex male." in by_key(facts(training=bad))["test_fairness"].text


def silent_with(*members: dict[str, object], **change: object) -> EvidencePack:
    """Silent evidence with these groups."""
    table = samples.groups(RELEASE, *members, **change)
    return EvidencePack(
        evidence="silent", release=RELEASE, files={**samples.silent_pack(RELEASE).files, "groups.json": table}
    )


def test_fairness_here_is_told_by_group_and_by_site_of_the_silent_period() -> None:
    """With the days, the verdicts and the figures of each site, and the digest of that pack; a worse site is named."""
    pack = silent_with(
        samples.group("sex", "female"), samples.group("site", "east"),
        samples.group("site", "west", observed_expected=(1.4, 1.8)),
    )  # fmt: skip
    found = by_key(facts(silent=pack))["local_fairness"]
    assert found.evidence == pack.digest
    assert found.text.startswith("In the silent period 2026-01-01 to 2026-01-31, 2,500 stays with a known outcome")
    assert "3 groups; meets 2, does not meet 1, cannot tell 0. Does not meet: site west." in found.text
    assert (
        "Site west: 700 patients, observed to expected 1.60 (1.40 to 1.80), of those with the outcome 0.35 (0.30 to 0.40) "
        "flagged, of those without it 0.10 (0.08 to 0.12); does not meet."
    ) in found.text


def test_where_sites_cannot_be_told_apart_fairness_here_says_why() -> None:
    """One site, or none recorded: no silence about it."""
    one = silent_with(not_looked_at=[{"attribute": "site", "why": "The record knows one only."}])
    assert "Sites were not told apart: The record knows one only." in by_key(facts(silent=one))["local_fairness"].text


def test_fairness_here_is_not_available_with_the_reason_where_there_is_nothing_to_tell() -> None:
    """No silent period; or one in which no group could be judged, with its counts."""
    assert by_key(facts())["local_fairness"].not_available == "No silent period has been evaluated here yet."
    why = by_key(facts("silent"))["local_fairness"].not_available
    assert why.startswith("The silent period 2026-01-01 to 2026-01-31 tells of no groups: 2,500 decisions")


def test_evidence_that_cannot_be_read_fills_nothing() -> None:
    """A broken report is no value, and the reason does not hide."""
    pack = EvidencePack(evidence="training", release=RELEASE, files={"evaluation.json": b"{}"})
    assert by_key(facts(training=pack))["test_validity"].missing.startswith("it cannot be computed")


def test_a_draft_without_transparency_yaml_is_not_complete() -> None:
    """What only the author knows is missing until it is written."""
    known = facts("training", transparency="attributes: {}")
    found = attributes_check(known, disclose(known, now=NOW)).found
    assert "(1)(iii) output: nobody has written it yet" in found
    assert "(2)(ii) population: nobody has written its part yet" in found


def test_a_persons_correction_holds_until_the_author_says_something_else() -> None:
    """An edit answers the text that stood when it was made; of another it is spent."""
    given = Given(text="A probability.")
    held = by_key(facts(), output=edit("output", given, "The probability of a readmission."))["output"]
    assert (held.text, held.given_by) == ("A probability.", "person")
    spent = by_key(facts(), output=edit("output", given, "Another text."))["output"]
    assert (spent.text, spent.given_by, spent.edit) == ("The probability of a readmission.", "author", None)


@pytest.mark.parametrize(
    ("key", "given", "fault"),
    [
        ("test_validity", Given(text="AUROC 0.99"), Refused),
        ("output", Given(not_available="we do not know"), Refused),
        ("output", Given(text=" "), BadInput),
        ("output", Given(text="x" * 4001), BadInput),
        ("nonsense", Given(text="x"), BadInput),
    ],
)
def test_what_nobody_may_say_is_refused(key: str, given: Given, fault: type[Exception]) -> None:
    """Nothing computed is typed, nothing is blank, and only the eleven may be unavailable."""
    with pytest.raises(fault):
        checked_edit(key, given)


@pytest.mark.parametrize("name", ["readmission-30d", "in-hospital-mortality"])
def test_the_shipped_guidance_is_complete_with_its_evidence(name: str) -> None:
    """Show 4: with the evidence of a training all 31 (and, with its scores, the 13) are filled; recomputed they are the same."""
    loaded = load_guidance(LIBRARY / name)
    disclosed = read_transparency(loaded.files)
    assert disclosed is not None
    pack = samples.training_pack(RELEASE)
    packs: dict[Kind, EvidencePack] = {"training": pack}
    known = Facts(
        guidance=loaded.definition, release=RELEASE, disclosed=disclosed, packs=packs, dates=(Dated(version="1.0.0", day="2026-11-22"),)
    )  # fmt: skip
    check = attributes_check(known, disclose(known, now=NOW))
    assert (check.verdict, check.numbers["asked"]) == ("meets", 44)
    again = Facts(guidance=loaded.definition, release=RELEASE, disclosed=disclosed, packs=packs, dates=known.dates)
    assert disclose(again, now=NOW) == disclose(known, now=NOW)


@pytest.mark.parametrize("folder", sorted(LIBRARY.iterdir()), ids=lambda folder: folder.name)
def test_every_shipped_guidance_says_all_that_is_its_authors(folder: Path) -> None:
    """Without evidence only what evidence or the registry tells is missing."""
    loaded = load_guidance(folder)
    known = Facts(
        guidance=loaded.definition, release=RELEASE, disclosed=read_transparency(loaded.files) or Transparency()
    )
    filled = by_key(known)
    assert {one.key for one in PREDICTIVE if not filled[one.key].is_filled} == {
        "training_criteria", "training_demographics", "relevance", "test_validity", "test_fairness",
    }  # fmt: skip
