"""Every class of fault in a guidance directory is found, on the line where somebody must mend it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.check import check_files, check_guidance, guidance_schema, load_files, load_guidance
from services.guidance.definition import Guidance
from services.guidance.errors import BadGuidance
from tests.guidance.small_guidance import GUIDANCE, MARK, VALUE_SETS, VISIT, files, line_of_mark

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = [
    PROJECT / "services/guidance/library/readmission-30d",
    PROJECT / "infra/demo/support2-hospital-death",
]

# (what is replaced, by what; the fault is expected on the line that holds the mark, what its message says)
FAULTS = [
    ("title: Small", "titel: Small #!", "did you mean `title`"),
    ("    label: haemoglobin", "    lable: haemoglobin #!", "did you mean `label`"),
    ("    unit: g/dL", "    unity: 3\n    xyz: 1 #!\n    unit: g/dL", "the keys here are"),
    ("version: 1.0.0", "version: 1.0 #!", "string"),
    ("version: 1.0.0", "version: one #!", "pattern"),
    ("    kind: count", "    kind: counts #!", "'count'"),
    ("    from: Encounter.class|Encounter.type", "    from: Encounter.klass #!", "no event field; there are Patient"),
    ("    from: Encounter.class|Encounter.type", "    from: Encounter.type|Encounter.type #!", "named twice"),
    ("title: Small", "title: Small\ntitle: Other #!", "given twice; first on line 3"),
    ("    decimals: 1", "    decimals: [1 #!", "not YAML"),
    ("    decimals: 1", "    decimals: &x 1 #!", "anchors"),
    ("    decimals: 1", "    decimals: 1.5 #!", "valid integer"),
    ("    range: [2, 25]", "    range: [2, .inf] #!", "finite"),
    ("    range: [2, 25]", "    range: [25, 2] #!", "above the upper end"),
    ("    when: inpatient\n", "    when: inpatient\n  - {hook: patient-view} #!\n", "named twice"),
    ("  - hook: patient-view", "  - hook: patient-look #!", "no hook is called"),
    ("    when: inpatient", "    when: inpatient and #!", "not an expression"),
    ("    when: inpatient", "    when: outpatient #!", "there is no feature `outpatient`"),
    ("    when: inpatient", "    when: risk > 0.5 #!", "only bands and suggestions come after"),
    ("    - died", "    - race == 1 #!", "audit only"),
    ("  include: [age >= 18]", "  include:\n    - age >= 18\n    - ages >= 18 #!", "there is no feature `ages`"),
    ("      when: risk >= 2 * base_rate", "      when: risk >= 2 * average #!", "there is no feature `average`"),
    ("      card: visit", "      card: visits #!", "there is no card `visits`"),
    ("    - name: usual", "    - name: high #!", "named twice"),
    ("  stay: {value_set: inpatient-class}", "  stay: {value_set: inpatients} #!", "no value set `inpatients`"),
    ('    codes: {tokens: ["http://loinc.org|718-7"]}', '    codes: {tokens: ["718-7"]} #!', "a token is"),
    ('    codes: {tokens: ["http://loinc.org|718-7"]}', "    codes: {} #!", "no code is named"),
    ("    from: Patient.gender\n", "", "`from` is missing"),
    ('    levels: {"s|male": 0, "s|female": 1}\n', "", "`levels` is missing"),
    ('    levels: {"s|male": 0, "s|female": 1}', "    levels: {male: 0} #!", "a level is named"),
    ("    label: sex", '    words: {"s|x": y} #!\n    label: sex', "there is no such level"),
    ("    unit: g/dL\n", "", "`unit` is missing"),
    ("    window: {days: 7}", "    window: {days: 7, hours: 3} #!", "not both"),
    ("    window: {days: 7}", "    window: {or_this_stay: true} #!", "adds to"),
    ("    window: {days: 7}", "    window: {this_stay: true, or_this_stay: true, days: 1} #!", "already this stay"),
    ("    window: {days: 7}", "    window: {this_stay: true, before: admission} #!", "nothing of it is before"),
    ("    window: {days: 7}", "    window: {days: -7} #!", "greater than 0"),
    ('    phrase: "haemoglobin {value} g/dL"', "    phrase: low haemoglobin #!", "hold `{value}` once"),
    ('    phrase: "{value} {stay|stays}"', '    phrase: "{value} {stay}" #!', "braces hold"),
    ("    phrase_zero: no stay", '    phrase_zero: "{value} stay" #!', "nothing is filled in"),
    ("    label: inpatient", '    phrase: "in {value}" #!\n    label: inpatient', "no value to fill in"),
    ("    use: audit", "    use: model #!", "audit only"),
    ("    use: rule\n    label: died", "    use: model\n    label: died", "the model would read the outcome"),
    ("    use: rule\n    label: died", "    direction: 1 #!\n    use: rule\n    label: died", "has a direction"),
    ("    use: audit", "    required: true #!\n    use: audit", "nobody is refused"),
    ("    formula: ckd-epi-2021", "    formula: ckd-epi-2009 #!", "no formula `ckd-epi-2009`"),
    ("creatinine: creatinine, age: age, sex: sex}", "creatinine: creatinine, age: age} #!", "needs `sex`"),
    ("creatinine: creatinine, age: age, sex: sex}", "creatinine: crea, age: age, sex: sex} #!", "no feature `crea`"),
    ("creatinine: creatinine, age: age, sex: sex}", "creatinine: creatinine, age: race, sex: sex} #!", "audit only"),
    ("creatinine: creatinine, age: age, sex: sex}", "creatinine: egfr, age: age, sex: sex} #!", "from itself"),
    ("age: age, sex: sex}", "age: age, sex: sex, height: age} #!", "not this"),
    ("    use: helper", "    use: helper\n    formula: map #!", "belongs to `kind: formula`"),
    ("    range: [18, 120]", "    distinct: code #!\n    range: [18, 120]", "belongs to `count` and `current`"),
    ("    range: [18, 120]", "    answers: {tokens: [s|x]} #!\n    range: [18, 120]", "has no use for `answers`"),
    ("  horizon_days: 30\n", "", "`horizon_days` is missing"),
    ("  kind: readmission", "  kind: death-in-stay", "at discharge the outcome of the stay is known"),
    (
        "  stay: {value_set: inpatient-class}",
        "  stay: {value_set: inpatient-class}\n  plus_hours: 2 #!",
        "may have begun",
    ),
    (
        '    summary: "Risk {{ risk_percent }}, eGFR {{ egfr }}."',
        '    summary: "{{ risk_percentage }}" #!',
        "neither a",
    ),
    ('    summary: "Risk {{ risk_percent }}, eGFR {{ egfr }}."', '    summary: "{{ risk_percent" #!', "cannot be read"),
    (
        '    summary: "Risk {{ risk_percent }}, eGFR {{ egfr }}."',
        f'    summary: "{"x" * 137}{{{{ risk_percent }}}}" #!',
        "can reach 141 characters",
    ),
    ('    summary: "Risk {{ risk_percent }}, eGFR {{ egfr }}."', '    summary: "{{ unknown }}" #!', "blank"),
    ('    summary: "Risk {{ risk_percent }}, eGFR {{ egfr }}."', '    summary: "{{ frequencies|upper }}" #!', "filter"),
    (
        '    summary: "Risk {{ risk_percent }}, eGFR {{ egfr }}."',
        '    summary: "{{ 1 if egfr > 60 else 2 }}" #!',
        "when a value is not known",
    ),
    ("            resource: visit.json", "            resource: visits.json #!", "no file `resources/visits.json`"),
    ("            resource: visit.json", "            resource: ../guidance.yaml #!", "pattern"),
    ("        url: https://example.org/study", "        url: www.example.org #!", "pattern"),
    ("        url: https://example.org/study", "        url: 'https:///study' #!", "absolute address"),
    ("  - code: action-completed", "  - code: action-done #!", "not a code of that system"),
    ("    display: Recommended action was already completed", "    display: Done #!", "the code reads"),
    (
        "    system: http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes",
        "    system: http://x #!",
        "codes of",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), FAULTS, ids=lambda part: str(part)[:40].strip())
def test_each_fault_is_found_on_its_line(old: str, new: str, said: str) -> None:
    """The message says what is wrong, and the line is the one to mend."""
    assert old in GUIDANCE
    broken = GUIDANCE.replace(old, new, 1)
    found = [fault for fault in check_files(files(broken)) if said in fault.message]
    assert found, check_files(files(broken))
    if MARK in broken:
        assert line_of_mark(broken) in {fault.line for fault in found}
    assert all(fault.file == "guidance.yaml" and fault.line >= 1 for fault in found)


def test_the_small_guidance_has_no_fault() -> None:
    """What the tests above break is whole before."""
    assert check_files(files()) == []


@pytest.mark.parametrize("directory", SHIPPED, ids=lambda path: path.name)
def test_each_shipped_guidance_has_no_fault(directory: Path) -> None:
    """What ships passes every check."""
    assert check_guidance(directory) == []


def test_a_missing_key_is_said_where_its_part_stands() -> None:
    """A key that is not there has no line: its part has."""
    [fault] = check_files(files(GUIDANCE.replace("    label: haemoglobin\n", "")))
    assert (fault.path, fault.message) == ("features.hb.label", "`label` is missing")
    assert GUIDANCE.split("\n")[fault.line - 1] == "  hb:"


def test_a_fault_in_a_template_has_the_line_of_the_template() -> None:
    """In a text of several lines, the line within it counts."""
    broken = GUIDANCE.replace("      {{ unknown }}\n", "      {{ unknwon }}\n")
    [fault] = check_files(files(broken))
    assert "unknwon" in broken.split("\n")[fault.line - 1]


@pytest.mark.parametrize(
    "template",
    [
        "{% for x in features %}{{ x }}{% endfor %}",
        "{{ cycler }}",
        "{{ 'x' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ risk.__class__ }}",
        "{{ risk_percent|safe }}",
        "{{ range(9) }}",
        "{% macro f() %}{% endmacro %}",
        "{% include 'x' %}",
        "{{ " + "(" * 5000 + " }}",
        "{{ 'a' is divisibleby 2 }}",
    ],
)
def test_a_template_cannot_compute(template: str) -> None:
    """Loops, calls, arithmetic, attributes and filters are refused before anything runs."""
    broken = GUIDANCE.replace("      {{ unknown }}\n", f"      {template}\n")
    assert any(fault.path == "cards.visit.detail" for fault in check_files(files(broken)))


def test_a_card_that_no_band_shows_is_a_fault() -> None:
    """Nothing is approved that nobody will see."""
    broken = GUIDANCE.replace("      card: visit\n", "")
    assert [fault.message for fault in check_files(files(broken))] == ["no band shows this card"]


def test_a_card_needs_reasons_to_decline() -> None:
    """A clinician must be able to say why not."""
    broken = GUIDANCE[: GUIDANCE.index("override_reasons:")]
    assert any("say why not" in fault.message for fault in check_files(files(broken)))


@pytest.mark.parametrize(
    ("policy", "path", "message"),
    [
        ("snooze: {patient-refuses: 24}", "policy.snooze.patient-refuses", "none of the `override_reasons`"),
        ("snooze: {limited-time: 0}", "policy.snooze.limited-time", "greater than 0"),
        ("snooze: {limited-time: {hours: 24, per: ward}}", "policy.snooze.limited-time", "'patient' or 'clinician'"),
        ("cooldown_hours: 8785", "policy.cooldown_hours", "less than or equal to 8784"),
        ("cooldown_per: ward", "policy.cooldown_per", "'patient' or 'clinician'"),
        ("circuit_breaker: {cards_per_hour: 0}", "policy.circuit_breaker.cards_per_hour", "greater than or equal to 1"),
    ],
)
def test_what_is_said_again_is_checked(policy: str, path: str, message: str) -> None:
    """A reason that nobody can give, a time that is none, a word that is not known: each at its line."""
    broken = GUIDANCE.replace("policy:\n", f"policy:\n  {policy}\n", 1)
    found = check_files(files(broken))
    line = next(number for number, text in enumerate(broken.splitlines(), 1) if policy in text)
    assert any(fault.path.startswith(path) and message in fault.message and fault.line == line for fault in found), (
        found
    )


def test_a_helper_that_nothing_uses_is_a_fault() -> None:
    """It would be asked for at every call, and read by nobody."""
    broken = GUIDANCE.replace("creatinine: creatinine,", "creatinine: hb,")
    assert any("a helper that no other feature uses" in fault.message for fault in check_files(files(broken)))


def test_death_read_by_a_model_of_death_is_a_fault() -> None:
    """The disposition of a stay is its outcome, whatever codes are asked for."""
    broken = (
        GUIDANCE.replace("  kind: readmission", "  kind: death-in-stay")
        .replace("  horizon_days: 30\n", "")
        .replace("value_set: discharge-died}\n    use: rule", "tokens: [s|home]}")
    )
    assert any("the outcome itself" in fault.message for fault in check_files(files(broken)))


RESOURCE_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"status": "active"}, "must be `draft`"),
    ({"intent": "order"}, "must be `proposal`"),
    ({"subject": {"reference": "Patient/p1"}}, "are replaced by those of the call"),
    ({"subject": {"display": "somebody"}}, "would belong to nobody"),
    ({"occurrencePeriod": {"start": "2025-01-01"}}, "dates are counted from 2026-01-01"),
    ({"priority": 3}, "not valid FHIR R4B"),
    ({"foo": "bar"}, "not valid FHIR R4B"),
    ({"resourceType": "Servicerequest"}, "no resource `Servicerequest`"),
    ({"resourceType": 3}, "not a FHIR resource"),
    ({"occurrencePeriod": {"start": "2026-99-01"}}, "can be moved"),
]


@pytest.mark.parametrize(("change", "said"), RESOURCE_FAULTS, ids=[said for _, said in RESOURCE_FAULTS])
def test_a_suggested_resource_is_a_valid_draft(change: dict[str, Any], said: str) -> None:
    """Nothing is ordered by itself, and everything is FHIR."""
    faults = check_files(files(visit={**VISIT, **change}))
    assert any(said in fault.message for fault in faults), faults
    assert {fault.file for fault in faults} == {"resources/visit.json"}


def test_the_line_of_a_fault_in_a_resource_is_named() -> None:
    """The status stands on the third line of the file."""
    [fault] = check_files(files(visit={**VISIT, "status": "active"}))
    assert fault.line == 3


@pytest.mark.parametrize(
    ("data", "said"), [(b"{\n 1}", "not JSON"), (b"\xff\xfe{", "not JSON in UTF-8"), (b"[]", "not a FHIR resource")]
)
def test_a_resource_that_is_not_json_is_a_fault(data: bytes, said: str) -> None:
    """Broken files are named, not raised."""
    assert any(said in fault.message for fault in check_files(files(visit=data)))


def test_a_resource_that_no_suggestion_uses_is_a_fault() -> None:
    """It would be part of the digest that people vote on, and do nothing."""
    extra = {**files(), "resources/other.json": json.dumps(VISIT).encode()}
    [fault] = check_files(extra)
    assert (fault.file, fault.message) == ("resources/other.json", "no suggestion uses this file")


def test_without_the_fhir_library_the_check_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be checked is a fault: missing is never green."""
    monkeypatch.setitem(sys.modules, "fhir.resources.R4B", None)
    [fault] = check_files(files())
    assert "cannot be checked as FHIR R4B here" in fault.message


@pytest.mark.parametrize(
    ("value_sets", "said", "line"),
    [
        (b'{\n "value_sets": {,}}', "not JSON", 2),
        (b"\xff", "not JSON in UTF-8", 0),
        (b"[1]", "not a JSON object", 1),
        (b"{}", "no `value_sets` object", 1),
        ({"value_sets": {"x": {"title": "X"}}}, "not of the form", 1),
        ({"value_sets": {"x": {"include": [{"system": "s", "concepts": [{"code": "c", "verified": False}]}]}}}, "verified", 9),
    ],
)  # fmt: skip
def test_value_sets_are_checked(value_sets: object, said: str, line: int) -> None:
    """value_sets.json must be of its documented shape, and every code verified."""
    faults = [fault for fault in check_files(files(value_sets=value_sets)) if fault.file == "value_sets.json"]
    assert any(said in fault.message and fault.line == line for fault in faults), faults


def test_a_directory_without_guidance_is_one_clear_fault(tmp_path: Path) -> None:
    """The file that is missing is named; a folder that is not there as well."""
    [fault] = check_guidance(tmp_path)
    assert (fault.file, fault.line) == ("guidance.yaml", 0)
    assert "No such file" in fault.message
    with pytest.raises(BadGuidance):
        load_guidance(tmp_path / "nowhere")


def test_loading_names_every_fault_of_the_grammar() -> None:
    """Not only the first: who mends one line mends them all."""
    broken = GUIDANCE.replace("title: Small", "titel: Small").replace("    unit: a\n", "    units: a\n")
    with pytest.raises(BadGuidance) as caught:
        load_files(files(broken))
    assert {fault.path for fault in caught.value.faults} == {"title", "titel", "features.age.units"}


def test_a_loaded_guidance_keeps_its_files_byte_for_byte(tmp_path: Path) -> None:
    """The release is built from the bytes that were read, and from no others."""
    for name, data in {**files(), "notes.txt": b"x"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    loaded = load_guidance(tmp_path)
    assert loaded.files == files()
    assert loaded.definition.id == "small"
    assert "inpatient-class" in loaded.value_sets


def test_bytes_that_are_not_utf8_are_named_by_line() -> None:
    """An editor's wrong encoding is found where it stands."""
    faults = check_files(files(GUIDANCE.encode().replace(b"Who?", b"Wh\xff?")))
    assert (faults[0].line, faults[0].message) == (6, "not UTF-8")


def test_the_schema_is_published_with_a_name() -> None:
    """Editors complete and check guidance.yaml by it; it says what the types say."""
    schema = guidance_schema()
    assert schema["$id"] == "urn:knowdo:schema:guidance:1"
    assert schema["title"] == "Knowdo guidance"
    assert set(schema["required"]) >= {"id", "version", "features", "outcome", "policy"}
    assert "from" in schema["$defs"]["Feature"]["properties"]
    assert schema["additionalProperties"] is False
    parts = {"Guidance": schema, **schema["$defs"]}
    assert [name for name, part in parts.items() if not part.get("description")] == []
    keys = [(name, key, value) for name, part in parts.items() for key, value in part.get("properties", {}).items()]
    assert [f"{name}.{key}" for name, key, value in keys if not value.get("description")] == []


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "swap", "indent", "put", "cut"]),
        st.integers(0, 10_000),
        st.sampled_from(
            [*"{}[]:,&*#?|->'\"%@`!\t\0\n\\é😀", "~", "{{", "{%", "%}", "null", "1e999", "2026-02-30", "<<"]
        ),
    ),
    min_size=1,
    max_size=6,
)


def _mutated(text: str, edits: list[tuple[str, int, str]]) -> str:
    for act, number, word in edits:
        lines = text.split("\n")
        place = number % len(lines)
        if act == "drop":
            del lines[place]
        elif act == "double":
            lines.insert(place, lines[place])
        elif act == "swap":
            lines[place], lines[-1 - place] = lines[-1 - place], lines[place]
        elif act == "indent":
            lines[place] = "  " + lines[place]
        elif act == "cut":
            lines[place] = lines[place][: number % (len(lines[place]) + 1)]
        else:
            column = number % (len(lines[place]) + 1)
            lines[place] = lines[place][:column] + word + lines[place][column:]
        text = "\n".join(lines)
        if not text:
            break
    return text


@given(EDITS)
@settings(max_examples=150, deadline=None)
def test_no_text_makes_the_check_fail(edits: list[tuple[str, int, str]]) -> None:
    """Whatever is in the file, the answer is a list of faults, each with a line that exists."""
    text = _mutated(GUIDANCE, edits)
    for fault in check_files(files(text)):
        assert 0 <= fault.line <= text.count("\n") + 2
        assert fault.message


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_bytes_make_the_check_fail(data: bytes) -> None:
    """Nor do bytes that are no text at all, in any of the files."""
    for broken in (files(data), files(value_sets=data), files(visit=data)):
        assert check_files(broken)


@given(EDITS)
@settings(max_examples=8, deadline=None)
def test_no_edit_of_a_shipped_guidance_makes_the_check_fail(edits: list[tuple[str, int, str]]) -> None:
    """The same with the largest guidance there is."""
    directory = SHIPPED[0]
    read = {name.name: name.read_bytes() for name in (directory / "guidance.yaml", directory / "value_sets.json")}
    read["guidance.yaml"] = _mutated(read["guidance.yaml"].decode(), edits).encode()
    assert check_files(read)  # the resources are left out, so there is a fault in any case


def test_value_set_mapping_is_what_the_timeline_reads() -> None:
    """The small guidance's sets resolve as those of the pack do."""
    loaded = load_files(files())
    assert isinstance(loaded.definition, Guidance)
    assert loaded.value_sets.resolve(loaded.definition.index.stay).matches(
        "http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP"
    )
    assert set(VALUE_SETS["value_sets"]) == {"inpatient-class", "discharge-died"}  # type: ignore[call-overload]
