"""The prefetch that a guidance needs, derived from its features; never written by hand.

Features are grouped by resource type and by how far back they look, so that the fifty newest rows of a common test
do not drown the one row of a rare one. Templates keep to the restricted subset of CDS Hooks 2.0: reads, searches by
patient and by exact codes, `_sort`, `_count`, and no token but the context's patient and encounter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from services.guidance.definition import Feature, Guidance
from services.guidance.hooks import HOOKS
from services.guidance.queries import Query, coverage_of
from services.guidance.reading.plan import sources_of
from services.guidance.scores.catalogue import FORMULAS
from services.timeline.codes import ValueSets
from services.timeline.terminology import NOTHING, Terminology

__all__ = ["Query", "coverage_of", "derive_queries", "feature_queries", "prefetch_templates"]

PATIENT: Final = "patient"
ENCOUNTER: Final = "encounter"
DRAFT_ORDERS: Final = "draftOrders"
"""What serves a feature of this very order in place of a query: the context of the hook."""

# How many rows of one code a look so far back should find room for; an answer holds no more than `_LARGEST` rows.
_REACHES: Final = (("stay", None, 20), ("days", 3.0, 24), ("month", 31.0, 12), ("years", 1100.0, 6))
_EVER: Final = ("ever", 6)
_SMALLEST, _LARGEST = 50, 200

# Sorted only by what every such resource states, and what is no earlier than the event it tells of: else a cut list
# could lack anything. Without a sort such a list is unknown, whole.
_SEARCHES: Final = {
    "Encounter": ("encounters", "-date", 100),
    "Condition": ("conditions", None, 200),
    "MedicationRequest": ("medications", "-authoredon", 100),
    "Procedure": ("procedures", "-date", 50),
    "ServiceRequest": ("orders", "-authored", 50),
    "MedicationAdministration": ("administrations", "-effective-time", 200),
    "MedicationStatement": ("medication_statements", None, 100),
    "AllergyIntolerance": ("allergies", None, 100),
    "Immunization": ("immunizations", "-date", 100),
    "DiagnosticReport": ("reports", "-date", 100),
    "QuestionnaireResponse": ("questionnaires", None, 100),
    "Appointment": ("appointments", None, 100),
    "Task": ("tasks", None, 100),
    "Consent": ("consents", None, 50),
    "FamilyMemberHistory": ("family_history", None, 50),
    "Claim": ("claims", None, 200),
    "ExplanationOfBenefit": ("benefits", None, 200),
    "ChargeItem": ("charges", None, 200),
    "Coverage": ("coverages", None, 50),
}
"""Resource type → name of its one query, how it is sorted, and how many rows are asked for."""
_WHOLE_STAYS: Final = ("encounters_in_full", None, 200)
_WITHIN_STAYS: Final = frozenset(
    {"Encounter.classHistory", "Encounter.location", "Encounter.participant", "Encounter.dischargeDisposition"}
)
"""What may happen long after its encounter began: a list of encounters cut by their dates may lack it."""
_ORDER: Final = (
    PATIENT, ENCOUNTER, *(name for name, _, _ in _SEARCHES.values()), _WHOLE_STAYS[0],
)  # fmt: skip


@dataclass(slots=True)
class _Draft:
    """A query while features are still being gathered for it."""

    resource_type: str
    sort: str | None = None
    count: int = 0
    parameter: str = "code"
    per_code: int = 0
    codes: set[str] = field(default_factory=set)
    features: list[str] = field(default_factory=list)


def derive_queries(
    guidance: Guidance, value_sets: ValueSets, *, hook: str | None = None, terminology: Terminology = NOTHING
) -> dict[str, Query]:
    """Every query that a guidance needs on a hook (None: on any of them), by name.

    `terminology`: what a site calls by codes of its own is asked for by those, too.
    """
    drafts: dict[str, _Draft] = {PATIENT: _Draft("Patient"), ENCOUNTER: _Draft("Encounter")}
    for name, feature in guidance.features.items():
        for query, draft in _needs(feature, value_sets):
            known = drafts.setdefault(query, draft)
            known.codes |= terminology.asked_as(draft.codes)
            known.features.append(name)
    if hook is not None and hook in HOOKS and not HOOKS[hook].has_encounter:
        del drafts[ENCOUNTER]
    required = _required(guidance)
    stay_needed = any(_of_the_stay(guidance.features[name]) for name in required)
    queries = {}
    for name in sorted(drafts, key=lambda one: (_ORDER.index(one) if one in _ORDER else len(_ORDER), one)):
        draft = drafts[name]
        serves = tuple(dict.fromkeys(draft.features))
        queries[name] = Query(
            name=name,
            template=_template(name, draft),
            resource_type=draft.resource_type,
            count=_count(draft),
            sort=draft.sort,
            codes=tuple(sorted(draft.codes)),
            required=name == PATIENT or (name == ENCOUNTER and stay_needed) or not required.isdisjoint(serves),
            features=serves,
        )
    return queries


def prefetch_templates(
    guidance: Guidance, value_sets: ValueSets, *, hook: str | None = None, terminology: Terminology = NOTHING
) -> dict[str, str]:
    """What discovery shows: key to template."""
    queries = derive_queries(guidance, value_sets, hook=hook, terminology=terminology)
    return {name: query.template for name, query in queries.items()}


def feature_queries(guidance: Guidance, value_sets: ValueSets) -> dict[str, tuple[str, ...]]:
    """Feature → the queries that must all be answered before it can be called absent."""
    served: dict[str, list[str]] = {}
    for name, query in derive_queries(guidance, value_sets).items():
        for feature in query.features:
            served.setdefault(feature, []).append(name)
    served |= {name: [DRAFT_ORDERS] for name, feature in guidance.features.items() if feature.window.this_order}
    return {feature: tuple(names) for feature, names in served.items()}


def _needs(feature: Feature, value_sets: ValueSets) -> Iterator[tuple[str, _Draft]]:
    """The queries that one feature reads; what is being ordered comes with the call."""
    if feature.window.this_order:
        return
    for source in sources_of(feature):
        kind = source.partition(".")[0]
        if kind == "Patient":
            yield PATIENT, _Draft("Patient")
        elif kind == "Observation":
            yield _observations(feature, source, value_sets)
        elif kind == "Encounter" and _only_this_stay(feature):
            yield ENCOUNTER, _Draft("Encounter")
        elif source in _WITHIN_STAYS:
            yield _drafted("Encounter", _WHOLE_STAYS)
        else:
            yield _drafted(kind, _SEARCHES[kind])
        if source == "Encounter.diagnosis":
            yield _drafted("Condition", _SEARCHES["Condition"])  # there its codes stand
    if feature.not_during is not None:
        yield _drafted("Encounter", _SEARCHES["Encounter"])  # whose classes say what does not count


def _drafted(kind: str, search: tuple[str, str | None, int]) -> tuple[str, _Draft]:
    name, sort, count = search
    return name, _Draft(kind, sort=sort, count=count)


def _observations(feature: Feature, source: str, value_sets: ValueSets) -> tuple[str, _Draft]:
    """Observations of one reach; those that cannot be named by exact codes are asked for by themselves."""
    reach, per_code = _reach(feature)
    wanted = value_sets.resolve(feature.codes) if feature.codes else None
    exact = set(wanted.tokens) if wanted is not None and not wanted.prefixes else set()
    within = source == "Observation.component"
    name = f"{'components' if within else 'observations'}_{reach}{'' if exact else '_all'}"
    # A component is found under its own code by `combo-code` only.
    parameter = "combo-code" if within else "code"
    return name, _Draft("Observation", sort="-date", parameter=parameter, per_code=per_code, codes=exact)


def _only_this_stay(feature: Feature) -> bool:
    return feature.kind == "duration" or feature.this_encounter or feature.window.this_stay


def _of_the_stay(feature: Feature) -> bool:
    """Whether it cannot be read without knowing when the stay began."""
    return _only_this_stay(feature) or feature.window.before == "admission"


def _reach(feature: Feature) -> tuple[str, int]:
    """How far back a feature looks, as a class, and how many rows of a code to make room for."""
    window = feature.window
    length = (window.days or 0.0) + (window.hours or 0.0) / 24
    if feature.this_encounter or window.this_stay:
        return _REACHES[0][0], _REACHES[0][2]
    for name, days, per_code in _REACHES:
        if days is not None and 0 < length <= days:
            return name, per_code
    return _EVER


def _required(guidance: Guidance) -> set[str]:
    """Every feature without which there is no answer: those said so, and what they cannot be computed without."""
    features: Mapping[str, Feature] = guidance.features
    required: set[str] = set()
    ahead = [name for name, feature in features.items() if feature.required]
    while ahead:
        name = ahead.pop()
        if name in required or name not in features:
            continue
        required.add(name)
        feature = features[name]
        if feature.of is not None:
            ahead.append(feature.of)
        if (formula := FORMULAS.get(feature.formula or "")) is not None:
            needed = formula.arguments
            ahead += [given for argument, given in feature.inputs.items() if argument in needed]
    return required


def _count(draft: _Draft) -> int | None:
    if draft.per_code:
        return min(max(_SMALLEST, draft.per_code * len(draft.codes)), _LARGEST) if draft.codes else _LARGEST
    return draft.count or None


def _template(name: str, draft: _Draft) -> str:
    if name in (PATIENT, ENCOUNTER):
        return f"{draft.resource_type}/{{{{context.{name}Id}}}}"
    parameters = ["patient={{context.patientId}}"]
    if draft.codes:
        parameters.append(f"{draft.parameter}={','.join(sorted(draft.codes))}")
    if draft.sort:
        parameters.append(f"_sort={draft.sort}")
    parameters.append(f"_count={_count(draft)}")
    return f"{draft.resource_type}?{'&'.join(parameters)}"
