"""Show 5: what CDS logged at the bedside, against the learner's rebuild from the final history, bit for bit.

Every shipped guidance, on its own hook at its own moments: discharges, landmarks of stays, visits. Whatever differs has a
cause that is listed here and in docs/demo-hospital.md.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

import services.guidance as guidance_room
from services.demo.facts import HOUR
from services.demo.hospital import Hospital
from services.guidance.check import load_guidance
from services.guidance.definition import Guidance
from services.guidance.reading.plan import sources_of
from services.learner.evidence.skew import COVERAGE, PLANNED_FIELDS, UNEXPLAINED
from tests.demo.as_of_comparison import Compared, Difference, Explained, compare, hook_of
from tests.demo.as_of_results import Found, write_results

pytestmark = pytest.mark.anyio

REQUESTS = int(os.environ.get("KNOWDO_TEST_SKEW_REQUESTS", "400"))  # of each guidance; about 20 ms each
NIGHTLY_REQUESTS = int(os.environ.get("KNOWDO_TEST_SKEW_NIGHTLY_REQUESTS", "10000"))
RESULTS = os.environ.get("KNOWDO_TEST_AS_OF_RESULTS", "")
"""A file for the figures of the nightly run, e.g. `docs/results/<date>-as-of-t.md`."""
LIBRARY = sorted(file.parent for file in (Path(guidance_room.__file__).parent / "library").glob("*/guidance.yaml"))

PLAN_CHANGED = "the patient went elsewhere than was planned at the hook"
NOT_PLANNED = "the patient left against advice, which nobody had planned at the hook"
STILL_OPEN = "the stay was still open: its plan stands in the Encounter then, its outcome in history"
STILL_RUNNING = "the procedure was still running: the record keeps its final version, which is known from its end"
CUT_OFF = "more rows than the prefetch asks for: unknown at the bedside, never another value"

every_guidance = pytest.mark.parametrize("folder", LIBRARY, ids=lambda folder: folder.name)


def hospital(requests: int) -> Hospital:
    """A hospital with enough stays of any kind for so many requests."""
    return Hospital.ending(date(2026, 6, 1), seed=20, patients=3 * requests + 200)


def explained(found: Compared, guidance: Guidance) -> Explained:
    """Every difference with its cause; "" is the alarm: a difference that nothing explains."""
    together: dict[tuple[str, int], dict[str, Difference]] = {}
    for difference in found.differences:
        at = difference.moment.stay.id, difference.moment.at
        together.setdefault(at, {})[difference.feature] = difference
    return [(_cause(name, these, guidance), one) for these in together.values() for name, one in these.items()]


def _cause(name: str, together: dict[str, Difference], guidance: Guidance) -> str:
    """Why a feature of one request differs, from what truly happened."""
    difference, feature = together[name], guidance.features[name]
    if difference.logged[0] == "unknown" and difference.cut_off:
        return CUT_OFF
    if feature.is_computed:  # it differs because what it is computed from does
        given = (_cause(one, together, guidance) for one in feature.computed_from if one in together)
        return next(filter(None, given), "")
    if set(sources_of(feature)) <= PLANNED_FIELDS:
        return _way_out(difference)
    return _running(difference) if "Procedure.code" in sources_of(feature) else ""


def _running(difference: Difference) -> str:
    moment = difference.moment
    running = [one for one in moment.record.interventions if one.start <= moment.at < one.end]
    return STILL_RUNNING if running and difference.logged[1] == 1.0 else ""


def _way_out(difference: Difference) -> str:
    stay = difference.moment.stay
    if difference.rebuilt[0] == "absent" or difference.rebuilt[1] == 0.0 != difference.logged[1]:
        at_bedside = difference.logged[0] == "value"
        if at_bedside and stay.planned_disposition == stay.disposition:
            return STILL_OPEN
    if stay.disposition == "aadvice":
        return NOT_PLANNED
    return PLAN_CHANGED if stay.disposition != stay.planned_disposition else ""


def traps_of(guidance: Guidance) -> set[str]:
    """What the moments of a guidance must have met, to be a test at all."""
    if guidance.index.at == "discharge":
        stays = {"result pending", "result corrected later", "diagnosis coded later", "diagnosis refuted later"}
        return stays | {"order ended later"}
    if guidance.index.every_hours is not None:
        return {
            "result pending",
            "result corrected later",
            "diagnosis coded later",
            "order ended later",
            "stay still open",
        }
    if guidance.index.at == "order":
        return {"result pending", "diagnosis coded later", "order ended later", "stay still open"}
    return {"order ended later", "stay still open"}  # a visit that begins


def must_agree(found: Compared, guidance: Guidance, requests: int) -> Explained:
    """The assertions that every comparison must meet; what differs, and why."""
    assert found.requests == requests
    assert found.answered == {200: requests}
    assert found.known > found.values / 2  # equal because nothing is there would be no test
    named = explained(found, guidance)
    assert not [one for cause, one in named if not cause][:5]
    cut_off = [one for cause, one in named if cause == CUT_OFF]
    assert len(named) - len(cut_off) < found.values / 400
    # After a stay with signs every few hours the page is full of those: rare, or the page would be too small.
    assert len({(one.moment.stay.id, one.moment.at) for one in cut_off}) < requests / 20
    assert found.learner.compared == found.values
    assert found.learner.different == len(found.differences)
    assert found.learner.causes[UNEXPLAINED] == 0, found.learner.examples
    assert found.learner.causes[COVERAGE] == len(cut_off)
    if requests >= 300:
        assert not {trap for trap in traps_of(guidance) if not found.traps[trap]}, found.traps
    return named


@every_guidance
async def test_features_at_the_hook_equal_the_rebuild_from_history(
    folder: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Of hundreds of requests every feature is bit-identical, but for plans that changed and pages that were cut off."""
    loaded = load_guidance(folder)
    found = await compare(tmp_path, hospital(REQUESTS), loaded, requests=REQUESTS, hook=hook_of(loaded.definition))
    causes = Counter(cause for cause, _ in must_agree(found, loaded.definition, REQUESTS))
    record_property("differences", f"{len(found.differences)} of {found.values} values: {dict(causes)}")


async def test_features_hours_before_discharge_differ_only_by_the_plan(tmp_path: Path) -> None:
    """Six hours before, on patient-view, the plan of an open stay is the one thing that history no longer shows."""
    loaded = load_guidance(next(folder for folder in LIBRARY if folder.name == "readmission-30d"))
    requests = max(REQUESTS // 3, 50)
    found = await compare(tmp_path, hospital(requests), loaded, requests=requests, hook="patient-view", before=6 * HOUR)
    causes = Counter(cause for cause, _ in explained(found, loaded.definition))
    assert found.answered == {200: requests}
    assert set(causes) <= {PLAN_CHANGED, STILL_OPEN, CUT_OFF}, causes
    assert causes[STILL_OPEN] > 0
    assert found.learner.causes[UNEXPLAINED] == 0


@pytest.fixture(scope="module")
def nightly() -> Iterator[dict[str, Found]]:
    """What the nightly run found of each guidance; written down at its end, if a file is named."""
    found: dict[str, Found] = {}
    yield found
    if RESULTS and found:
        write_results(Path(RESULTS), found)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@every_guidance
async def test_ten_thousand_requests_of_each_guidance_equal_the_rebuild(
    folder: Path, tmp_path: Path, nightly: dict[str, Found]
) -> None:
    """The same on 10,000 requests, with the figures for docs/results."""
    loaded = load_guidance(folder)
    guidance, requests = loaded.definition, NIGHTLY_REQUESTS
    compared = await compare(tmp_path, hospital(requests), loaded, requests=requests, hook=hook_of(guidance))
    explained = must_agree(compared, guidance, requests)
    nightly[guidance.id] = Found(guidance=guidance, compared=compared, explained=explained)
