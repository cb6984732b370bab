"""The table of hooks: all that the library has, and what a template may name."""

from __future__ import annotations

import pytest

from services.guidance.hooks import CURRENT_HOOKS, HOOKS


def test_all_current_hooks_are_there_and_the_deprecated_pair_is_known() -> None:
    """Ten of the index and medication-verify; two that a guidance may not ask for."""
    assert len(CURRENT_HOOKS) == 11
    assert HOOKS.keys() - CURRENT_HOOKS == {"medication-prescribe", "order-review"}


def test_every_hook_is_about_a_patient() -> None:
    """A context that names none would have no one to speak about."""
    for hook in HOOKS.values():
        (patient,) = [field for field in hook.fields if field.name == "patientId"]
        assert patient.required
        assert patient.token


@pytest.mark.parametrize(
    ("hook", "token", "may"),
    [
        ("patient-view", "context.patientId", True),
        ("patient-view", "context.encounterId", True),
        ("patient-view", "userPractitionerId", True),
        ("order-sign", "context.draftOrders", False),
        ("order-select", "context.selections", False),
        ("order-dispatch", "context.performer", True),
        ("order-dispatch", "context.dispatchedOrders", True),
        ("order-dispatch", "context.order", True),
        ("order-dispatch", "context.encounterId", False),
        ("order-dispatch", "userPractitionerId", False),
        ("medication-refill", "userPatientId", True),
        ("patient-view", "context.performer", False),
        ("patient-view", "Patient.id", False),
    ],
)
def test_a_template_may_name_what_the_library_marks_as_token(hook: str, token: str, may: bool) -> None:
    """Draft orders are no token; order-dispatch has neither user nor encounter."""
    assert HOOKS[hook].names(token) is may
