"""Every fault of what reads or deletes an order is found: windows, routes, the index, the buttons, the outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.guidance.check import check_files

DIRECTORY = Path(__file__).resolve().parents[3] / "services/guidance/library/nephrotoxin-aki"
FILES = {
    str(file.relative_to(DIRECTORY).as_posix()): file.read_bytes()
    for file in (DIRECTORY / "guidance.yaml", DIRECTORY / "value_sets.json", *(DIRECTORY / "resources").iterdir())
}
NSAID = "  nsaid_ordered:\n    kind: exists\n    from: MedicationRequest.medication\n    codes: {value_set: nsaids}\n    not_by: {value_set: local-routes}\n    window: {this_order: true}\n"
DELETE = "          - type: delete\n            description: Take the NSAID off the draft orders\n            draft: nsaid_ordered\n"
CREATE = (
    "          - type: create\n            description: Draft acetaminophen by mouth, as needed\n"
    "            resource: aki-acetaminophen-medicationrequest.json\n"
)


def faults(old: str, new: str) -> str:
    """What is said of the shipped guidance after one change of its text."""
    text = FILES["guidance.yaml"].decode()
    assert old in text
    return "\n".join(map(str, check_files(FILES | {"guidance.yaml": text.replace(old, new, 1).encode()})))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (NSAID, NSAID.replace("{this_order: true}", "{this_order: true, days: 2}"), "no other key of the window"),
        (NSAID, NSAID.replace("kind: exists", "kind: current"), "`exists` and `count` can be asked"),
        (NSAID, NSAID.replace("MedicationRequest.", "MedicationStatement."), "`this_order` reads what is ordered"),
        (NSAID, NSAID.replace("MedicationRequest.", "MedicationStatement."), "only an order of a medicine has a route"),
        (NSAID, NSAID.replace("local-routes", "no-such-set"), "no value set `no-such-set`"),
        ("  of: nephrotoxin_ordered\n", "", "`of` is missing"),
        ("  of: nephrotoxin_ordered\n", "  of: nobody\n", "there is no feature `nobody`"),
        ("  of: nephrotoxin_ordered\n", "  of: ckd\n", "its window must be `this_order: true`"),
        ("  at: order\n", "  at: admission\n", "`of` belongs to `at: order`"),
        ("  at: order\n", "  at: order\n  plus_hours: 3\n", "an order has one moment"),
        (DELETE, DELETE.replace("draft: nsaid_ordered", "draft: ckd"), "its window must be `this_order: true`"),
        (DELETE, DELETE.replace("            draft: nsaid_ordered\n", ""), "`draft` is missing"),
        (DELETE, DELETE.replace("draft: nsaid_ordered", "draft: nsaid_ordered\n            resource: x.json"), "`resource` does not belong"),
        (CREATE, CREATE.replace("            resource: aki-acetaminophen-medicationrequest.json\n", ""), "`resource` is missing"),
        (CREATE, "", "a MedicationRequest is deleted and none is created"),
        (CREATE, CREATE.replace("aki-acetaminophen-medicationrequest", "aki-medication-review-task"), "none is created"),
        ("    indicator_on: {order-sign: warning}", "    indicator_on: {patient-view: warning}", "does not speak on `patient-view`"),
        ("    indicator_on: {order-sign: warning}", "    indicator_on: {order-sign: loud}", "'warning'"),
        ("  horizon_days: 7\n", "", "until when?"),
        ("  horizon_days: 7\n", "  horizon_days: 7\n  within_stay: true\n", "does not belong to `kind: kidney-injury`"),
        ("  horizon_days: 7\n", "  horizon_days: 7\n  death: counts\n", "it competes with it"),
        ("  kind: kidney-injury\n", "  kind: event\n", "`injury` belongs to `kind: kidney-injury`"),
        ("    stage: 1\n", "    stage: 4\n", "injury.stage"),
        ("{{ nsaid_ordered_named }}", "{{ ckd_named }}", "`ckd_named` is neither"),
        ("  ckd:\n    kind", "  nsaid_ordered_named:\n    kind", "already means the names of what `nsaid_ordered` counts"),
    ],
)  # fmt: skip
def test_every_fault_is_found(old: str, new: str, said: str) -> None:
    """One change of the shipped guidance, and what is said of it."""
    assert said in faults(old, new)
