"""The grammar of prefetch templates."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.hooks import HOOKS
from services.guidance.templates import Token, ineligible_tokens, parse_template
from services.timeline.errors import BadInput

TODAY = date(2026, 3, 31)


def dated(text: str, today: date = TODAY) -> str:
    """The date of one token."""
    (token,) = parse_template("{{" + text + "}}")
    assert isinstance(token, Token)
    assert token.kind == "today", token
    return token.date(today)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today()", "2026-03-31"),
        (" today() - 90 days ", "2025-12-31"),
        ("today()-1day", "2026-03-30"),
        ("today() + 2 weeks", "2026-04-14"),
        ("today() - 1 month", "2026-02-28"),
        ("today() + 11 months", "2027-02-28"),
        ("today() - 2 years", "2024-03-31"),
        ("today() - 1 year + 1 day", "2025-04-01"),
        ("today() - 9999 years", ""),
        ("today() + 999999 weeks", ""),
    ],
)
def test_dates_by_fhirpath_arithmetic(text: str, expected: str) -> None:
    """A month without that day ends at its last one; a date that does not exist has no value."""
    assert dated(text) == expected


def test_a_leap_day_has_a_birthday_every_year() -> None:
    """29 February less one year is 28 February."""
    assert dated("today() - 1 year", date(2024, 2, 29)) == "2023-02-28"


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 30_000))
def test_days_and_weeks_are_days(today: date, days: int) -> None:
    """A day is a day, seven are a week."""
    assert dated(f"today() - {days} days", today) == (today - timedelta(days=days)).isoformat()
    assert dated(f"today() + {days // 7} weeks", today) == (today + timedelta(days=days // 7 * 7)).isoformat()


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 500))
def test_a_month_there_and_back_is_no_later_than_the_day(today: date, months: int) -> None:
    """What is lost is lost at the end of a short month, at most three days of it."""
    there = date.fromisoformat(dated(f"today() + {months} months", today))
    assert (there.year * 12 + there.month) - (today.year * 12 + today.month) == months
    back = date.fromisoformat(dated(f"today() - {months} months", there))
    assert 0 <= (today - back).days <= 3


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("context.patientId", "context"),
        (" context.fulfillment-tasks ", "context"),
        ("userPractitionerRoleId", "user"),
        ("context.draftOrders.entry.resource.ofType(MedicationRequest).id", "path"),
        ("%patient.birthDate", "path"),
        ("today() - 90", "path"),
        ("today() - 3 hours", "path"),
        ("Patient.id", "path"),
        ("", "path"),
    ],
)
def test_what_a_token_is(text: str, kind: str) -> None:
    """A field of the context, a user's id, a date, or a path that is not read."""
    (token,) = parse_template("{{" + text + "}}")
    assert isinstance(token, Token)
    assert token.kind == kind


@pytest.mark.parametrize("template", ["Patient/{{context.patientId", "Patient/context.patientId}}", "{{a{{b}}"])
def test_an_open_brace_is_a_fault(template: str) -> None:
    """It would go to the server as it is."""
    with pytest.raises(BadInput, match="not closed"):
        parse_template(template)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Text without braces stays as it is; nothing else comes out than parts and a fault."""
    try:
        parts = parse_template(text)
    except BadInput:
        assert "{{" in text or "}}" in text
        return
    if "{{" not in text:
        assert "".join(part for part in parts if isinstance(part, str)) == text


def test_tokens_that_a_hook_does_not_offer_are_named() -> None:
    """Each as it was written."""
    template = "X?a={{context.draftOrders}}&b={{today()}}&c={{context.patientId}}&d={{context.a.b}}&e={{userPatientId}}"
    assert list(ineligible_tokens(template, HOOKS["order-sign"])) == ["context.draftOrders", "context.a.b"]
    assert list(ineligible_tokens("{{userPatientId}}", HOOKS["order-dispatch"])) == ["userPatientId"]
