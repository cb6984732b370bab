"""The sentences of the computed source attributes: every number with its count, its interval and its period."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.guidance.definition import Guidance
from services.guidance.estimate import Estimate
from services.guidance.evidence import Evaluation, Judged, SilentMonth
from services.guidance.group_evidence import Group, Groups
from services.guidance.learning_definition import Learning
from services.guidance.trial_evidence import TrialReport
from services.guidance.words.grammar import listed
from services.guidance.words.rounding import percent

_CHANGES = {"refit": "coefficients", "recalibrate": "calibration", "threshold": "the threshold"}
SITE = "site"
"""The attribute of groups that tells the places of care apart."""
_FEWEST = 10  # patients: of fewer no count is told, as it might be told of whom


def in_words(guidance: Guidance, condition: str) -> str:
    """A condition of one feature by its label, any other as it is written, in words."""
    for prefix in ("unknown whether: ", "not: ", ""):
        name = condition.removeprefix(prefix)
        if condition.startswith(prefix) and name in guidance.features:
            return f"{prefix}{guidance.features[name].label}"
    return condition.replace(">=", "at least").replace("<=", "at most")


def rules(guidance: Guidance) -> str:
    """Who is in by rule, and who is left out."""
    inside = "; ".join(in_words(guidance, one) for one in guidance.population.include) or "everyone"
    outside = "; ".join(in_words(guidance, one) for one in guidance.population.exclude) or "nobody"
    return f"By rule: {inside}. Left out: {outside}."


def output_type(guidance: Guidance) -> str:
    """Prediction, and recommendation where the card offers something."""
    labels = listed([one.label for one in guidance.all_predictions.values()])
    published = all(one.model.published is not None for one in guidance.all_predictions.values())
    offers = [offer.label for card in guidance.cards.values() for offer in card.suggestions]
    said = f"Prediction: the probability of {labels}, {'by a published score' if published else 'by a learned model'}."
    if offers:
        said += f" Recommendation: {listed(list(dict.fromkeys(offers)))}."
    return said


def trained_on(evaluation: Evaluation) -> str:
    """How many rows of how many patients, with how many events, from when to when."""
    return (
        f"Learned from {evaluation.rows:,} moments of prediction of {evaluation.patients:,} patients, "
        f"{evaluation.events:,} with the outcome, {evaluation.since[:10]} to {evaluation.until[:10]}."
    )


def with_interval(estimate: Estimate, decimals: int = 2) -> str:
    """`1.02 (0.91 to 1.14)`."""
    low, high = estimate.ci
    return f"{estimate.value:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


def validity(label: str, judged: Judged, split: str) -> str:
    """How good one prediction was on rows that it was not fitted on, and in later time."""
    model = judged.model
    if model is None:
        return f"{label}: {judged.unevaluated}"
    low, high = model.auroc_ci
    said = (
        f"{label}: AUROC {model.auroc:.3f} ({low:.3f} to {high:.3f}), calibration slope "
        f"{with_interval(model.calibration_slope)}, intercept {with_interval(model.calibration_intercept)}, "
        f"Brier {model.brier:.4f}, on {judged.rows:,} rows with {judged.events:,} events ({split})."
    )
    if judged.published is not None and judged.published.observed_expected is not None:
        said += f" Observed to expected {with_interval(judged.published.observed_expected)}."
    for one in judged.validations:
        if one.auroc is not None:
            where = "In later time" if one.scheme == "temporal" else "At a site left out"
            said += (
                f" {where} ({one.name}, {one.rows:,} rows, {one.events:,} events): AUROC {with_interval(one.auroc, 3)}."
            )
        elif one.scheme == "temporal" and one.unjudged:
            said += f" Not told in later time: {one.unjudged}"
    if judged.no_later_time:
        said += f" No test in later time: {judged.no_later_time}"
    return said


def people(attribute: str, groups: Sequence[tuple[str, int]]) -> str:
    """`sex: female 780 (52%), male 720 (48%)`; of fewer than ten no count."""
    whole = sum(patients for _, patients in groups)
    shown = [
        f"{value} {patients:,} ({percent(patients / whole)})"
        if patients >= _FEWEST
        else f"{value} fewer than {_FEWEST}"
        for value, patients in groups
    ]
    return f"{attribute}: {', '.join(shown)}"


def groups_judged(label: str, verdicts: Sequence[tuple[str, str]], limits: str) -> str:
    """How many groups keep the limits, and which do not."""
    by = {
        said: [name for name, verdict in verdicts if verdict == said]
        for said in ("meets", "does not meet", "cannot tell")
    }
    said = f"{label}: {len(verdicts)} groups; meets {len(by['meets'])}, does not meet {len(by['does not meet'])}, cannot tell {len(by['cannot tell'])}."
    if by["does not meet"]:
        said += f" Does not meet: {listed(by['does not meet'])}."
    if by["cannot tell"]:
        said += f" Cannot tell: {listed(by['cannot tell'])}."
    return f"{said} {limits}"


def group_limits(guidance: Guidance) -> str:
    """What each group is held against, fixed before the data."""
    kept = guidance.evidence
    low, high = kept.observed_expected
    return (
        f"Limits fixed before the data: observed to expected {low:g} to {high:g}; AUROC at most {kept.auroc_below:g} below "
        f"that of all; at most {percent(kept.missed_above)} more missed, {percent(kept.false_alarms_above)} more false alarms."
    )


def begins(learning: Learning) -> str:
    """What begins a training: the only frequency that there is."""
    triggers, said = learning.triggers, []
    if triggers.calendar:
        said.append(f"by the calendar ({triggers.calendar}, {triggers.time_zone})")
    if triggers.new_outcomes:
        said.append(f"after every {triggers.new_outcomes:,} new outcomes")
    if triggers.drift is not None:
        said.append(f"when inputs or risks are spread otherwise than before (index above {triggers.drift.psi:g})")
    if triggers.registered:
        said.append("when a version is registered in MLflow")
    return listed(said) if said else "when a person starts it; the guidance declares no calendar"


def validity_monitored(guidance: Guidance) -> str:
    """How and how often validity is looked at."""
    low, high = guidance.evidence.observed_expected
    return (
        f"Events observed are held against those expected (limits {low:g} to {high:g}) in the silent period before it speaks, "
        f"and at each training, month by month. A training begins {begins(guidance.learning)}. Calls, cards and how they were "
        f"answered are counted day by day; at most {percent(guidance.policy.alert_budget)} of calls may carry a card."
    )


def fairness_monitored(guidance: Guidance) -> str:
    """How and how often fairness is looked at."""
    return (
        f"At each training every group in the record is judged with an interval. {group_limits(guidance)} A training begins "
        f"{begins(guidance.learning)}."
    )


def _candidate(guidance: Guidance) -> str:
    return (
        f"A new release is learned {begins(guidance.learning)}. It is a candidate: it has another digest, and speaks only after "
        "votes on that digest, first silent. Nothing updates itself."
    )


def updated(guidance: Guidance) -> str:
    """How and how often it is updated: by what begins a training, and by the change plan where there is one."""
    said, plan = _candidate(guidance), guidance.change_plan
    if plan is None:
        return said
    may = listed([_CHANGES[one] for one in plan.allows]) if plan.allows else "nothing"
    return (
        f"{said} Change plan {plan.version}: within it may change {may}; at most {plan.updates_per_year} updates a year, none more "
        f"than {plan.not_worse_by:g} AUROC below what runs; anything else is a new registration."
        + "".join(f" {one}" for one in (plan.method, plan.roll_back) if one)
        + (
            f" Proposed by the authors, to be confirmed by the committee: {'; '.join(plan.to_confirm)}."
            if plan.to_confirm
            else ""
        )
    )


def corrected(guidance: Guidance) -> str:
    """How often performance is corrected."""
    said = "When a limit is left, one person stops it at once, and it is learned anew or retired."
    plan = guidance.change_plan
    if plan is None:
        return f"{said} There is no fixed frequency. {updated(guidance)}"
    return f"{said} A breach is looked at within {plan.response_hours} hours by {plan.owner}. {_candidate(guidance)}"


def trial(report: TrialReport) -> str:
    """What a trial found: the primary outcome in each arm, the difference, and each harm that was looked for."""
    effects = [("Primary outcome", report.primary), *(("Harm", one.effect) for one in report.harms)]
    found = " ".join(
        f"{kind}, {one.outcome}: "
        + "; ".join(f"{arm.arm} {arm.events:,} of {arm.followed:,}" for arm in one.arms)
        + f"; shown minus withheld {with_interval(one.difference, 3)}."
        for kind, one in effects
    )
    return f"A trial by {report.unit}, {report.since[:10]} to {report.until[:10]}. {found}"


def silent(report: SilentMonth) -> str:
    """What the silent period found here; empty where no outcome is known."""
    if report.calibration is None:
        return ""
    found = report.calibration
    told = (
        f"In the silent period {report.since[:10]} to {report.until[:10]}: {report.matured:,} of {report.decisions:,} decisions "
        f"with a known outcome, {found.observed:g} events where {found.expected:.1f} were expected, ratio {with_interval(found.o_e)}."
    )
    if report.alerts is None or report.alerts.ppv is None:
        return told
    alerts = report.alerts
    return (
        f"{told} Of {alerts.stays:,} stays that would have had a card {alerts.right:,} had the outcome: "
        f"{with_interval(report.alerts.ppv)}."
    )


def silent_days(report: SilentMonth) -> str:
    """`In the silent period …, 412 stays with a known outcome:`."""
    return (
        f"In the silent period {report.since[:10]} to {report.until[:10]}, {report.matured:,} stays with a known outcome, held "
        "against who would have had a card."
    )


def by_site(groups: Groups) -> str:
    """The figures of each site; why there are none, where the record does not tell sites apart."""
    sites = [one for one in groups.groups if one.attribute == SITE]
    if not sites:
        why = next((one.why for one in groups.not_looked_at if one.attribute == SITE), "The record does not say.")
        return f"Sites were not told apart: {why}"
    return " ".join(_of_site(one) for one in sites)


def _of_site(one: Group) -> str:
    if one.patients is None or one.patients < _FEWEST:
        return f"Site {one.value}: fewer than {_FEWEST} patients, no number told."
    found = [f"{one.patients:,} patients"]
    if one.observed_expected.estimate is not None:
        found.append(f"observed to expected {with_interval(one.observed_expected.estimate)}")
    if one.sensitivity.estimate is not None:
        found.append(f"of those with the outcome {with_interval(one.sensitivity.estimate)} flagged")
    if one.false_alarm_rate.estimate is not None:
        found.append(f"of those without it {with_interval(one.false_alarm_rate.estimate)}")
    return f"Site {one.value}: {', '.join(found)}; {one.verdict}{' (too few to judge)' if one.small else ''}."


def uses(words: Iterable[tuple[str, str]]) -> str:
    """`race: read for audit only; sex: input of the prediction; …`."""
    return "; ".join(f"{name}: {said}" for name, said in words) + "."
