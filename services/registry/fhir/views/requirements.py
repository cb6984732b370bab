"""What a release reads of a patient, feature by feature: CRMI's module-definition Library, as `$data-requirements` answers it.

The Library of features tells the queries that are sent; this one tells what each feature needs of them: type, element,
codes, unit and period. A filter is written only where FHIR can say it without leaving out what is needed; the whole of a
window or of a set with code prefixes stands in extensions. Source: FHIR R4 DataRequirement, CRMI 2.0.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from services.guidance.definition import Feature
from services.guidance.reading.plan import sources_of
from services.registry.fhir.held import Held
from services.registry.fhir.names import RELEASE, Resource, coded, extension, name_of, without_nothing
from services.timeline.codes import ICD_10, ICD_10_CM

FEATURE: Final = "urn:knowdo:fhir:feature"
CODES: Final = "urn:knowdo:fhir:codes"
_TYPE: Final = "http://terminology.hl7.org/CodeSystem/library-type"
_TYPES: Final = "http://hl7.org/fhir/resource-types"
_UCUM: Final = "http://unitsofmeasure.org"
_DATED: Final[Mapping[str, str]] = {
    "Observation": "date",
    "Encounter": "date",
    "Procedure": "date",
    "Immunization": "date",
    "DiagnosticReport": "date",
    "MedicationRequest": "authoredon",
    "ServiceRequest": "authored",
    "MedicationAdministration": "effective-time",
}
"""Search parameters of R4 that look at what a window looks at."""


def data_requirements(held: Held) -> Resource:
    """The requirements of one release; the same until it is another release."""
    guidance = held.contents.guidance
    needed = [
        one
        for name, feature in guidance.features.items()
        for source in sources_of(feature)
        for one in [_requirement(held, name, feature, source)]
    ]
    systems = sorted({code["system"] for one in needed for code in _codes_in(one)})
    return without_nothing(
        {
            "resourceType": "Library",
            "url": held.url("Library", "-data-requirements"),
            "identifier": [{"system": RELEASE, "value": held.proposal.release}],
            "version": held.version,
            "name": name_of(f"{held.proposal.guidance}-data-requirements"),
            "title": f"{guidance.title}: what each feature needs",
            "status": held.status,
            "experimental": held.place.demo,
            "type": coded(_TYPE, "module-definition", "Module Definition"),
            "subjectCodeableConcept": coded(_TYPES, "Patient", "Patient"),
            "date": held.changed_at,
            "publisher": held.place.issuer,
            "relatedArtifact": [
                {"type": "depends-on", "resource": held.canonical("Library", "-features")},
                {"type": "depends-on", "resource": held.canonical("Library", "-model")},
                *({"type": "depends-on", "resource": one} for one in systems),
            ],
            "dataRequirement": needed,
        }
    )


def _requirement(held: Held, name: str, feature: Feature, source: str) -> Resource:
    kind, _, element = source.partition(".")
    return without_nothing(
        {
            "extension": [_about(name, feature)],
            "type": kind,
            "mustSupport": [element] if element else None,
            "codeFilter": list(_code_filter(held, feature, element)),
            "dateFilter": list(_date_filter(feature, kind)),
        }
    )


def _about(name: str, feature: Feature) -> Resource:
    """The feature in full: what FHIR's DataRequirement has no place for."""
    window = feature.window.model_dump(mode="json", exclude_defaults=True)
    parts = [
        extension("name", valueString=name),
        extension("label", valueString=feature.label),
        extension("kind", valueCode=feature.kind),
        extension("use", valueCode=feature.use),
        extension("required", valueBoolean=feature.required),
        *([extension("unit", valueString=feature.unit)] if feature.unit else []),
        *([extension("window", valueString=msgspec.json.encode(window).decode())] if window else []),
        *([extension("thisEncounter", valueBoolean=True)] if feature.this_encounter else []),
    ]
    return {"url": FEATURE, "extension": parts}


def _code_filter(held: Held, feature: Feature, element: str) -> Iterator[Resource]:
    """The codes that an event must have. With prefixes among them nothing is filtered: fewer codes would mean fewer events."""
    if feature.codes is None:
        return
    wanted = held.contents.value_sets.resolve(feature.codes)
    below = [f"{system}|{code}" for system, codes in sorted(wanted.prefixes.items()) for code in codes]
    exact = sorted(wanted.tokens)
    if below or any(one.startswith("|") for one in exact):
        told = [*(extension("prefix", valueString=one) for one in below)]
        told += [extension("token", valueString=one) for one in exact]
        yield {"extension": [{"url": CODES, "extension": told}], "path": element}
        return
    yield {"path": element, "code": [_coding(one) for one in exact]}


def _coding(token: str) -> Resource:
    """A token as it is written in records: sets are kept without the dot of ICD-10, whose categories have three characters."""
    system, _, code = token.partition("|")
    if system in (ICD_10, ICD_10_CM) and len(code) > 3:
        code = f"{code[:3]}.{code[3:]}"
    return {"system": system, "code": code}


def _date_filter(feature: Feature, kind: str) -> Iterator[Resource]:
    """So long before the index. A window with another anchor, or with this stay beside it, reaches further: no filter then."""
    window = feature.window
    days, hours = window.days, window.hours
    whole = window.before == "index" and not (window.or_this_stay or window.this_stay or window.this_order)
    if kind not in _DATED or not whole or feature.this_encounter or (days is None and hours is None):
        return
    value, unit, code = (days, "days", "d") if days is not None else (hours, "hours", "h")
    if days is not None and hours is not None:
        value = days + hours / 24
    duration = {"value": value, "unit": unit, "system": _UCUM, "code": code}
    yield {"searchParam": _DATED[kind], "valueDuration": duration}


def _codes_in(requirement: Resource) -> Iterator[dict[str, Any]]:
    for one in requirement.get("codeFilter", []):
        yield from (code for code in one.get("code", []) if code["system"])
