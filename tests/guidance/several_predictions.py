"""The small guidance with two more predictions: one learned and asked for in stays only, one published; and rules beside."""

from __future__ import annotations

from typing import Any

from services.guidance.check import load_files
from services.guidance.release import ReleaseBundle, build_release, canonical_json
from tests.guidance import small_guidance
from tests.registry import samples

_VITALS = {"rr": "9279-1", "spo2": "59408-5", "sbp": "8480-6", "pulse": "8867-4", "temp": "8310-5"}
_UNITS = {"rr": "/min", "spo2": "%", "sbp": "mm[Hg]", "pulse": "/min", "temp": "Cel"}
_LABELS = {"rr": "breathing", "spo2": "saturation", "sbp": "blood pressure", "pulse": "pulse", "temp": "temperature"}


def _vital(name: str) -> str:
    return f"""\
  {name}:
    kind: last
    from: Observation.code
    codes: {{tokens: ["http://loinc.org|{_VITALS[name]}"]}}
    unit: "{_UNITS[name]}"
    window: {{hours: 24}}
    use: helper
    label: {_LABELS[name]}
    decimals: {1 if name == "temp" else 0}
"""


FEATURES = (
    "".join(map(_vital, _VITALS))
    + """\
  oxygen:
    kind: exists
    from: Procedure.code
    codes: {tokens: ["http://snomed.info/sct|57485005"]}
    window: {hours: 24}
    use: helper
    label: oxygen
  alert:
    kind: last
    from: Observation.code
    codes: {tokens: ["http://loinc.org|80288-4"]}
    levels: {"|Alert": 1, "|Confusion": 0}
    window: {hours: 24}
    use: helper
    label: alert
  news2:
    kind: score
    formula: news2
    inputs: {rr: rr, spo2: spo2, oxygen: oxygen, sbp: sbp, pulse: pulse, alert: alert, temp: temp}
    range: [0, 20]
    use: rule
    label: NEWS2
  news2_largest:
    kind: score
    formula: news2-largest
    inputs: {rr: rr, spo2: spo2, oxygen: oxygen, sbp: sbp, pulse: pulse, alert: alert, temp: temp}
    range: [0, 3]
    use: rule
    label: largest NEWS2 points of one measurement
  healthy:
    kind: score
    formula: prevent-total-cvd-healthy
    inputs: {age: age, sex: sex}
    range: [0, 1]
    use: rule
    label: PREVENT
    decimals: 3
"""
)

PREDICTIONS = """\
predictions:
  deterioration:
    label: intensive care or death within 24 hours
    outcome:
      kind: event
      name: intensive care or death within 24 hours
      happens: go to intensive care or die within 24 hours
      horizon_hours: 24
      within_stay: true
      death: counts
      died: {value_set: discharge-died}
      events:
        - from: Encounter.location
          codes: {tokens: ["x|icu"]}
    model:
      candidates: [logistic]
      needs: inpatient
  heart:
    label: a heart attack, stroke or heart failure in 10 years
    outcome:
      kind: event
      name: heart attack, stroke or heart failure within 10 years
      happens: have one in 10 years
      horizon_days: 3650
      events:
        - from: Condition.code
          codes: {tokens: ["http://hl7.org/fhir/sid/icd-10-cm|I21.9"]}
    model:
      published: healthy
"""

POLICY = """\
policy:
  without_risk: speak
  suppressions:
    - when: stays >= 3
      reason: the team knows this patient
  bands:
    - name: worse
      when: news2 >= 7 or news2_largest == 3 or deterioration >= 0.08
      card: visit
    - name: heart
      when: heart >= 0.1
      card: prevent
    - name: usual
      when: heart >= 0
cards:
  prevent:
    summary: "10-year risk {{ heart_percent }} ({{ average }} {{ heart_average_percent }})."
    detail: "Talk about prevention. {{ heart_frequencies }} {{ not_computed }}"
  visit:
    summary: >-
      {% if news2 is not none %}NEWS2 {{ news2 }}.{% endif %} {% if deterioration is not none %}Within a day
      {{ deterioration_percent }}.{% endif %} Look at once.
    detail: |
      {% if news2 is not none %}NEWS2 {{ news2 }}: {{ news2_parts }}.{% endif %}

      {{ deterioration_frequencies }} Healthy people: {{ healthy_percent }}.
"""

GUIDANCE = (
    small_guidance.GUIDANCE.replace("index:\n", "index:\n  at: admission\n  plus_hours: 24\n  every_hours: 24\n")
    .replace("    exclude:\n      - died\n", "")
    .replace("    kind: formula\n    formula: ckd-epi-2021", "    kind: score\n    formula: ckd-epi-2021")
    .replace("  inpatient:\n    kind: exists", FEATURES + "  inpatient:\n    kind: exists")
)
_START, _END = GUIDANCE.index("policy:\n"), GUIDANCE.index("    suggestions:\n")
GUIDANCE = GUIDANCE[:_START] + PREDICTIONS + POLICY + GUIDANCE[_END:]

REFERENCE: dict[str, Any] = {"name": "stays of the tests", "base_rate": 0.12, "n": 2000, "events": 240, "inputs": {}}
OTHERS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "deterioration": (samples.one_input_model("hb"), REFERENCE | {"base_rate": 0.03}),
    "heart": (b'{"feature":"healthy","kind":"published"}', REFERENCE | {"base_rate": 0.05}),
}


def files() -> dict[str, bytes]:
    """The files of the guidance."""
    return small_guidance.files(GUIDANCE)


def bundle(**others: tuple[bytes, dict[str, Any]]) -> ReleaseBundle:
    """The release, with some of the further models replaced."""
    return build_release(load_files(files()), samples.model(), REFERENCE, others={**OTHERS, **others})


def without(name: str) -> ReleaseBundle:
    """The release with one file left out."""
    whole = bundle()
    kept = {file: data for file, data in whole.files.items() if file != name}
    return ReleaseBundle(guidance=whole.guidance, version=whole.version, files=kept)


def with_file(name: str, data: bytes | dict[str, Any]) -> ReleaseBundle:
    """The release with one file more, or another one in its place."""
    whole = bundle()
    content = data if isinstance(data, bytes) else canonical_json(data)
    return ReleaseBundle(guidance=whole.guidance, version=whole.version, files={**whole.files, name: content})
