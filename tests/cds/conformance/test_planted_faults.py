"""The checks against a service that breaks one rule at a time: each fault is found by the check that names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from services.cds.conformance.checks import CHECKS
from services.cds.conformance.report import Report
from services.cds.conformance.run import examine
from services.cds.conformance.session import prepared
from services.cds.conformance.signer import Signer
from tests.cds.conformance.planted import FOUND_BY, NEEDS
from tests.cds.conformance.practice import ISSUER, Practice, running

OVER_HTTP = {"https_is_spoken", "old_tls_is_refused"}
"""What plain HTTP on this machine leaves out; `test_transport.py` plants those."""
NEVER_BROKEN = {
    "every_hook_of_an_id_is_answered", "no_answer_is_a_5xx", "a_body_too_large_is_refused", "preflight_of_feedback",
    "hs256_with_an_empty_secret_is_refused", "a_swapped_alg_is_refused", "another_key_is_refused",
    "a_cut_signature_is_refused",
}  # fmt: skip
"""Checks whose fault is planted together with another's (see the tests below)."""


@pytest.fixture(scope="module")
def signer() -> Signer:
    """The client that the service trusts."""
    return Signer(iss=ISSUER, key=ECKey.generate_key("P-384", auto_kid=True), jku=f"{ISSUER}/jwks.json")


@pytest.fixture(scope="module")
def practice(signer: Signer) -> Iterator[Practice]:
    """The service, running."""
    service = Practice(ECKey.import_key(signer.key.as_dict(private=False)))
    with running(service):
        yield service


def examined(practice: Practice, signer: Signer | None, *only: str, fault: str = "") -> Report:
    """A run against it with one fault planted."""
    practice.fault = fault
    with prepared(practice.url, signer=signer) as target:
        practice.allowed = target.own_fhir().origin
        return examine(target, only=only)


def found(report: Report) -> dict[str, list[str]]:
    """Check → what it found, of those that found anything."""
    return {result.check: result.faults for result in report.results if result.verdict in {"fail", "warn"}}


def test_without_a_fault_every_check_passes(practice: Practice, signer: Signer) -> None:
    """The service as it is keeps all; nothing is skipped but TLS, and what a single service cannot show."""
    report = examined(practice, signer)
    assert found(report) == {}
    skipped = {(result.check, result.reason) for result in report.results if result.verdict == "skipped"}
    assert {check for check, _ in skipped} == OVER_HTTP, skipped
    assert report.passed
    assert {result.check for result in report.results} == set(CHECKS)


@pytest.mark.parametrize("fault", FOUND_BY)
def test_each_planted_fault_is_found_by_the_check_that_names_it(practice: Practice, signer: Signer, fault: str) -> None:
    """A SHALL that is not kept fails, a SHOULD is a warning."""
    check = CHECKS[FOUND_BY[fault]]
    report = examined(practice, signer, check.name, *NEEDS.get(check.name, ()), fault=fault)
    assert check.name in found(report), [(one.check, one.verdict, one.reason) for one in report.results]
    verdicts = {result.verdict for result in report.results if result.check == check.name}
    assert ("fail" if check.level == "SHALL" else "warn") in verdicts
    assert not (report.passed and check.level == "SHALL")


def test_a_signature_that_is_not_looked_at_is_found_from_every_side(practice: Practice, signer: Signer) -> None:
    """Swapped, cut, tampered with, or by another key: each has a check of its own."""
    names = ("a_swapped_alg_is_refused", "a_cut_signature_is_refused", "another_key_is_refused")
    names += ("hs256_with_an_empty_secret_is_refused",)
    assert set(names) <= set(found(examined(practice, signer, *names, fault="signature not looked at")))


def test_a_warning_does_not_fail_the_run(practice: Practice, signer: Signer) -> None:
    """A SHOULD that is not kept is told, and the run passes."""
    report = examined(practice, signer, "head_is_answered", "services_is_a_list", fault="no HEAD")
    assert set(found(report)) == {"head_is_answered"}
    assert report.passed


def test_a_5xx_is_found_wherever_it_came(practice: Practice, signer: Signer) -> None:
    """Whatever was asked for, a 500 counts."""
    names = ("null_breaks_nothing", "no_answer_is_a_5xx", "every_hook_of_an_id_is_answered")
    assert "no_answer_is_a_5xx" in found(examined(practice, signer, *names, fault="500 for null"))
    report = examined(practice, signer, "every_hook_of_an_id_is_answered", fault="500 for a huge id")
    assert found(report) == {}


def test_every_check_has_a_planted_fault() -> None:
    """A check that nothing was ever planted for may not find anything."""
    assert set(CHECKS) - set(FOUND_BY.values()) == OVER_HTTP | NEVER_BROKEN


def test_without_a_key_only_the_open_side_is_looked_at(practice: Practice) -> None:
    """A service that asks for tokens: what needs one is skipped with the reason, and nothing is called kept for it."""
    report = examined(practice, None)
    assert found(report) == {}
    reasons = {result.check: result.reason for result in report.results if result.verdict == "skipped"}
    assert "no key was given" in reasons["full_prefetch_is_answered"]
    assert "no key was given" in reasons["alg_none_is_refused"]
    kept = {result.check for result in report.results if result.verdict == "pass"}
    assert {"a_call_without_a_token_is_refused", "a_refusal_does_not_explain", "services_is_a_list"} <= kept
    assert "summary_is_short" not in kept


def test_a_key_that_is_not_trusted_fails_one_check_and_skips_the_rest(practice: Practice, tmp_path: Path) -> None:
    """The reason is said once, instead of a hundred faults that all mean the same."""
    stranger = Signer(iss="https://other.example", key=ECKey.generate_key("P-384", auto_kid=True))
    report = examined(practice, stranger)
    assert set(found(report)) == {"a_token_is_taken"}
    assert not report.passed
