"""Every fault of predictions, outcomes and the index is found on its line; what is known where is checked."""

from __future__ import annotations

import pytest

from services.guidance.check import check_files, load_files
from services.guidance.checking.predictions import outcome_codes
from tests.guidance import small_guidance
from tests.guidance.several_predictions import GUIDANCE, files
from tests.guidance.small_guidance import MARK, line_of_mark

FAULTS = [
    ("  deterioration:\n    label", "  hb: #!\n    label", "`hb` already means a feature"),
    ("  deterioration:\n    label", "  base: #!\n    label", "`base_percent` already means something else"),
    ("  deterioration:\n    label", "  known: #!\n    label", "`known` already means something else"),
    ("  deterioration:\n    label", "  not: #!\n    label", "`not` means something else"),
    ("  deterioration:\n    label", "  risk: #!\n    label", "`risk` already means"),
    ("  deterioration:\n    label", "  healthy: #!\n    label", "`healthy` already means a feature"),
    ("  heart:\n    label", "  deterioration_average: #!\n    label", "already means the prediction `deterioration`"),
    ("  stays:\n    kind: count", "  healthy_percent: #!\n    kind: count", "a variable of the score `healthy`"),
    ("      published: healthy", "      published: wealthy #!", "there is no feature `wealthy`"),
    ("      published: healthy", "      published: news2 #!", "gives no risk from 0 to 1"),
    ("      published: healthy", "      published: hb #!", "is no published score"),
    ("      published: healthy", "      published: healthy\n      candidates: [forest] #!", "no candidates"),
    ("      published: healthy", "      published: healthy\n      tuning: {settings: 4} #!", "no settings to try"),
    ("      needs: inpatient", "      needs: risk >= 0.1 #!", "only bands and suggestions come after"),
    ("      needs: inpatient", "      needs: outpatient #!", "there is no feature `outpatient`"),
    ("  include: [age >= 18]", "  include:\n    - deterioration < 1 #!", "only bands and suggestions come after"),
    ("    - when: stays >= 3", "    - when: race == 1 #!", "audit only"),
    ("    - when: stays >= 3", "    - when: heart_percent >= 3 #!", "there is no feature `heart_percent`"),
    ("      horizon_hours: 24", "      horizon_hours: 24 #!\n      horizon_days: 1", "not both"),
    ("      horizon_days: 3650\n", "", "until when?"),
    ("        - from: Condition.code", "        - from: Condition.klass #!", "no event field"),
    ('          codes: {tokens: ["x|icu"]}', "          codes: {value_set: icu} #!", "no value set `icu`"),
    ("      events:\n        - from: Condition.code\n          codes: {tokens: [\"http://hl7.org/fhir/sid/icd-10-cm|I21.9\"]}\n",
     "", "nothing is predicted"),
    ("      death: counts", "      death: counts\n      may_overlap: [icu] #!", "there is no feature `icu`"),
    ("  every_hours: 24", "  every_hours: 24\n  hours_tolerated: 2 #!", "with `every_hours`"),
    ("  at: admission\n  plus_hours: 24\n  every_hours: 24", "  at: discharge\n  every_hours: 24 #!", "no stay left"),
    ("  every_hours: 24", "  every_hours: 0 #!", "greater than or equal to 1"),
    ("  kind: readmission", "  kind: readmission\n  within_stay: true #!", "belongs to `kind: event`"),
    ("  kind: readmission", "  kind: readmission\n  death: counts #!", "belongs to `kind: event`"),
    ("  kind: readmission", '  kind: readmission\n  looked_for: [{from: Procedure.code, codes: {tokens: ["x|1"]}}] #!',
     "belongs to `kind: event`"),
    ("  kind: readmission", '  kind: readmission\n  competing: [{from: Procedure.code, codes: {tokens: ["x|1"]}}] #!',
     "belongs to `kind: event`"),
    ("      horizon_days: 3650", '      horizon_days: 3650\n      transferred: {tokens: ["x|1"]} #!', "ends a wait within the stay"),
    ("      horizon_hours: 24", "      horizon_hours: 24\n      seen_after_days: 1 #!", "nobody is lost to follow-up"),
    ("      horizon_days: 3650", "      horizon_days: 3650\n      seen_after_days: 3651 #!", "longer than the horizon"),
    ("      published: healthy", "      published: healthy\n      validation: {temporal: {share: 0.2}} #!", "weighed on all rows"),
    ("  died: {value_set: discharge-died}\n  planned", "  planned", "`died` is missing"),
    ("  without_risk: speak", "  without_risk: shout #!", "'speak'"),
    ("{{ healthy_percent }}", "{{ healthy_parts }}", "`healthy_parts` is neither"),
    ("{{ heart_frequencies }}", "{{ heart_sentences }}", "`heart_sentences` is neither"),
    ("{% if deterioration is not none %}Within a day", "{% if deterioration >= 0.1 %}Within a day", "not known (TypeError)"),
    ("    detail: \"Talk", "    detail: \"{% if risk >= 0.1 %}High.{% endif %} Talk", "not known (TypeError)"),
]  # fmt: skip


def test_the_guidance_of_these_tests_has_no_fault() -> None:
    """Three predictions, scores, rules, suppressions, landmarks: all of it is grammar."""
    assert check_files(files()) == []


@pytest.mark.parametrize(("old", "new", "said"), FAULTS)
def test_every_fault_is_found_on_its_line(old: str, new: str, said: str) -> None:
    """One change, one sentence that says what is wrong, on the line where it stands."""
    assert old in GUIDANCE
    broken = GUIDANCE.replace(old, new, 1)
    faults = [fault for fault in check_files(small_guidance.files(broken)) if said in fault.message]
    assert faults, check_files(small_guidance.files(broken))
    if MARK in broken:
        assert line_of_mark(broken) in {fault.line for fault in faults}


def test_every_place_where_an_outcome_names_codes_is_known() -> None:
    """Deaths, plans and events of every prediction; what is not given is not listed."""
    listed = {".".join(map(str, path)) for path, _ in outcome_codes(load_files(files()).definition)}
    assert listed == {
        "outcome.died", "outcome.planned.always", "outcome.planned.elective", "outcome.planned.acute",
        "predictions.deterioration.outcome.died", "predictions.deterioration.outcome.events.0.codes",
        "predictions.heart.outcome.events.0.codes",
    }  # fmt: skip


def test_a_guidance_that_learns_nothing_needs_no_inputs() -> None:
    """A published score beside rules is guidance too."""
    text = GUIDANCE.replace("policy:\n  without_risk", "model:\n  published: healthy\npolicy:\n  without_risk", 1)
    text = text.replace("      candidates: [logistic]\n      needs: inpatient", "      published: healthy")
    for name in ("age", "sex", "hb", "stays", "egfr"):
        text = text.replace(f"  {name}:\n    kind", f"  {name}:\n    use: rule\n    kind", 1)
    text = text.replace("    direction: -1\n", "")
    assert [fault.message for fault in check_files(small_guidance.files(text))] == []
