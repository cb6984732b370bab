"""Several predictions and rules at one bedside: what is not known stays unknown, is said, and is never `no risk`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.cds.advice.advise import Advice, advise
from services.cds.cards.form import CardStyle, card_forms
from services.cds.cards.lint import faults_of
from services.cds.clients.profile import read_profiles
from services.cds.consider import Considered, consider
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.records import Entry
from services.cds.governed.deployed import Deployed
from services.cds.governed.site_policy import site_policy
from services.cds.patient.bedside import Bedside
from services.cds.patient.facts import Facts
from services.cds.schemas import HookRequest
from services.cds.stopwatch import Stopwatch
from services.guidance.definition import PRIMARY
from services.guidance.errors import BadManifest
from services.guidance.manifest import LedgerHead, Manifest, Where, policy_named
from services.guidance.ready import open_release
from services.plumbing.database import open_database
from services.timeline.coverage import Coverage
from services.timeline.instants import ALWAYS, DAY, HOUR
from services.timeline.one_patient import moment_of, patient_of
from tests.cds.records import decision
from tests.guidance.feature_cases import CLASS, timeline_of
from tests.guidance.several_predictions import bundle

RELEASE = open_release(bundle())
HERE = site_policy(RELEASE.guidance, {}, "")
NOW = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1e6)
CALM: dict[str, float | None] = {
    "age": 60.0, "sex": 1.0, "hb": 14.0, "stays": 1.0, "inpatient": 1.0, "died": 0.0, "creatinine": 1.0, "egfr": 70.0,
    "rr": 14.0, "spo2": 98.0, "oxygen": 0.0, "sbp": 125.0, "pulse": 70.0, "alert": 1.0, "temp": 37.0,
    "news2": 0.0, "news2_largest": 0.0, "healthy": 0.034, "race": None,
}  # fmt: skip


def facts(**changes: float | None) -> Facts:
    """An inpatient of 60 with nothing amiss, unless changed; None is unknown."""
    values = {name: {**CALM, **changes}[name] for name in RELEASE.guidance.features}
    return Facts(
        values=values,
        states={name: "unknown" if value is None else "value" for name, value in values.items()},
        sources={},
    )


def advised(*, policy: dict[str, Any] | None = None, **changes: float | None) -> Advice:
    """The advice at this site, or under another policy."""
    here = HERE if policy is None else site_policy(RELEASE.guidance, {"*": policy}, "")
    return advise(RELEASE, here, facts(**changes), hook="patient-view")


def test_each_risk_is_computed_on_its_own() -> None:
    """Two learned models and a published score, the first risk among them."""
    advice = advised()
    assert list(advice.risks) == ["risk", "deterioration", "heart"]
    assert advice.risks["heart"] == 0.034
    assert advice.risk == advice.risks[PRIMARY]
    assert set(advice.contributions) == {"age", "hb"}
    assert (advice.verdict, advice.band.name if advice.band else "") == ("card", "worse")


@pytest.mark.parametrize(
    ("changes", "missing", "reason", "said"),
    [
        ({"inpatient": 0.0}, "deterioration", "does not hold: inpatient", "it is not meant for this patient now"),
        ({"healthy": None, "age": None}, "heart", "score withheld: healthy", "age is not known"),
        ({"healthy": None}, "heart", "score withheld: healthy", "outside the range that the published score allows"),
        ({"hb": None}, "deterioration", "1 of 1 inputs unknown", "haemoglobin is not known"),
    ],
)
def test_a_risk_that_cannot_be_computed_is_unknown_with_its_reason(
    changes: dict[str, float | None], missing: str, reason: str, said: str
) -> None:
    """What it needs does not hold, the score is withheld, too much is unknown: none of it is a risk of 0."""
    from services.cds.advice.predict import predict

    found = predict(RELEASE, HERE, facts(**changes))[missing]
    assert (found.risk, found.reason) == (None, reason)
    assert said in found.said
    assert found.said.startswith("The risk of ")


@pytest.mark.parametrize(
    ("changes", "verdict", "band"),
    [
        ({"news2": 7.0, "hb": None}, "card", "worse"),
        ({"news2_largest": 3.0, "hb": None}, "card", "worse"),
        ({"news2": None, "news2_largest": None, "hb": 9.0}, "card", "worse"),
        ({"news2": 6.0, "news2_largest": 2.0, "hb": None}, "abstained", None),
        ({"news2": None, "news2_largest": None, "hb": None}, "abstained", None),
    ],
)
def test_news2_or_a_single_three_or_the_risk_of_the_next_day_at_the_bedside(
    changes: dict[str, float | None], verdict: str, band: str | None
) -> None:
    """Whichever is known and high shows the card; low where it is known leaves it open, and the service abstains."""
    advice = advised(**changes)
    assert (advice.verdict, advice.band and advice.band.name) == (verdict, band)
    if verdict == "abstained":
        assert "not known whether: news2 >= 7 or news2_largest == 3 or deterioration >= 0.08" in advice.reason


def test_with_everything_known_and_low_it_is_below_the_bands() -> None:
    """Silence is earned: each condition was decided."""
    quiet = {"bands": [{"name": "worse", "when": "news2 >= 7 or deterioration >= 0.9", "card": "visit"}]}
    advice = advised(policy=quiet)
    assert (advice.verdict, advice.reason) == ("below-band", "")


def test_a_rule_may_speak_although_the_first_risk_is_unknown_only_where_the_guidance_says_so() -> None:
    """`without_risk: speak`; else the service abstains as before, and still keeps the other risks."""
    changes: dict[str, float | None] = {"age": 60.0, "hb": None, "news2": 9.0}
    strict = {"max_unknown_share": 0.0}
    speaking = advised(policy=strict, **changes)
    assert (speaking.verdict, speaking.risk) == ("card", None)
    silent = advised(policy=strict | {"without_risk": "abstain"}, **changes)
    assert (silent.verdict, silent.risks["heart"]) == ("abstained", 0.034)
    assert "1 of 2 inputs unknown" in silent.reason


def test_a_site_cannot_make_guidance_speak_without_a_risk_that_was_not_written_for_it() -> None:
    """Its templates were never tried so."""
    policy = RELEASE.guidance.policy.model_copy(update={"without_risk": "abstain"})
    with pytest.raises(BadManifest, match="was not written to speak without a risk"):
        site_policy(RELEASE.guidance.model_copy(update={"policy": policy}), {"*": {"without_risk": "speak"}}, "")


@pytest.mark.parametrize("when", ["stays >= ", "shoe_size > 3", "race == 1"])
def test_a_sites_suppression_must_read_what_is_there(when: str) -> None:
    """Nothing unknown, nothing that is for audit only."""
    with pytest.raises(BadManifest, match="policy cannot be used"):
        site_policy(RELEASE.guidance, {"*": {"suppressions": [{"when": when, "reason": "r"}]}}, "")


def test_only_a_suppression_that_surely_holds_silences() -> None:
    """What is not known is recorded, and the card is shown."""
    assert advised(stays=3.0).suppressed == "the team knows this patient"
    unsure = advised(stays=None)
    assert (unsure.verdict, unsure.suppressed) == ("card", "")
    assert "suppression not known: stays >= 3" in unsure.reason
    by_risk = {"suppressions": [{"when": "heart < heart_average", "reason": "healthy"}]}
    assert advised(policy=by_risk).suppressed == "healthy"


STYLE = CardStyle(evidence_url="https://example.org/{digest}", topic_system="https://example.org/topics")
CALL = HookRequest(
    hook="patient-view", instance="i", patient="p", encounter="e", user="Practitioner/u", prefetch={}, fhir_server="",
    fhir_token="",
)  # fmt: skip


def deployed(stage: str = "general") -> Deployed:
    """The release, in use here."""
    now = datetime.now(UTC).replace(microsecond=0)
    manifest = Manifest(
        deployment="d-1", guidance="small", release=RELEASE.digest, stage=stage,  # type: ignore[arg-type]
        where=Where(sites=("*",), hooks=("patient-view",)), policy=policy_named("standard", {}), issued_at=now,
        expires_at=now + timedelta(hours=1), ledger=LedgerHead(number=1, hash="0" * 64), issuer="http://registry",
    )  # fmt: skip
    forms = card_forms(RELEASE, manifest, STYLE)
    return Deployed(signed="", manifest=manifest, release=RELEASE, policy=HERE, cards=forms)


def considered(*more: dict[str, Any], stage: str = "general", covered: bool = True) -> Considered:
    """One call about an inpatient of 60 with a few results, and whatever more is known."""
    known = {"known": NOW - HOUR}
    events: list[dict[str, Any]] = [
        {"field": "Patient.birthDate", "time": NOW - 60 * 366 * DAY, "known": ALWAYS, "resource": "Patient/p"},
        {"field": "Encounter.class", "codes": CLASS + "IMP", "time": NOW - 30 * HOUR, "resource": "Encounter/e", "encounter": "Encounter/e"} | known,
        *more,
    ]  # fmt: skip
    timeline = timeline_of(events, coverage=Coverage(otherwise=ALWAYS) if covered else Coverage())
    patient = patient_of(timeline, 0)
    bedside = Bedside(patient=patient, moment=moment_of(patient, at=NOW, encounter="e"), gender=None)
    return consider(deployed(stage), CALL, bedside, profile=read_profiles().named("default"), watch=Stopwatch())


def result(code: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """A reading of an hour ago."""
    return {
        "field": "Observation.code",
        "codes": f"http://loinc.org|{code}",
        "value": value,
        "unit": unit,
        "time": NOW - HOUR,
        **more,
    }


LOW_HB = result("718-7", 8.0, "g/dL")


def test_the_card_says_each_risk_and_which_could_not_be_computed_and_why() -> None:
    """In words a clinician reads; and the decision keeps every risk."""
    kept = considered(LOW_HB).decision
    assert (kept.status, kept.band) == ("shown", "worse")
    assert set(kept.risks) == {"risk", "deterioration", "heart"}
    assert kept.risks["risk"] == kept.risk
    assert kept.risks["heart"] is None  # no sex, so the score is withheld
    assert kept.card is not None
    detail = str(kept.card["detail"])
    assert (
        "The risk of a heart attack, stroke or heart failure in 10 years is not computed: sex is not known." in detail
    )
    assert detail.count("is not computed") == 1
    assert "Of **100** people like this patient, about **" in detail
    assert "AI-derived" in detail
    assert faults_of({"cards": [kept.card]}) == []
    assert "heart: score withheld: healthy" in kept.reason


@pytest.mark.parametrize("stage", ["general", "silent"])
def test_a_suppressed_card_is_computed_and_kept_and_not_shown(stage: str) -> None:
    """In the silent stage, too: what would not have been shown is not counted as a card."""
    more = [
        {"field": "Encounter.class", "codes": CLASS + "IMP", "time": NOW - n * 1000 * HOUR, "end": NOW - n * 999 * HOUR,
         "resource": f"Encounter/old{n}", "encounter": f"Encounter/old{n}"}
        for n in (2, 3)
    ]  # fmt: skip
    kept = considered(LOW_HB, *more, stage=stage).decision
    assert kept.status == "suppressed"
    assert kept.reason.startswith("rule: the team knows this patient")
    assert kept.card is not None


def test_every_risk_is_kept(tmp_path: Path) -> None:
    """Each prediction's risk is in the log by its name, None where it was not computed."""
    engine = open_database(f"sqlite:///{tmp_path / 'log.sqlite'}")
    log = DecisionLog(engine)
    log.create()
    log.write([Entry(decision=decision(risks={"risk": 0.25, "heart": None}))])
    assert [row["risks"] for page in log.export(since=0) for row in page] == [{"risk": 0.25, "heart": None}]
    engine.dispose()
