"""The FHIR Encounter of a stay as it stood at a time: class, place and planned disposition change while it goes on."""

from __future__ import annotations

from services.demo.catalogue import HL7, SNOMED
from services.demo.facts import NEVER, Course, Stay
from services.demo.fragments import AT_ADMISSION, CLASSES, DISPOSITIONS, PRIORITIES, concept, head, instant
from services.demo.paperwork.places import INTENSIVE_CARE, service_key

REASONS = {
    "acute": "Acute illness", "readmission": "Acute illness", "transfer": "Transfer from another hospital",
    "surgery": "Planned operation", "joint": "Planned operation", "chemotherapy": "Chemotherapy", "delivery": "Delivery",
    "psychiatric": "Psychiatric illness",
}  # fmt: skip


def encounter_text(stay: Stay, course: Course | None, subject: str, at: int) -> str | None:
    """Encounter: in progress until after its end; the planned disposition stands in it from its announcement."""
    if stay.start > at:
        return None
    over = stay.end < at
    places = [place for place in _places(stay, course) if place[1] <= at]
    disposition = stay.disposition if over else stay.planned_disposition if stay.announced <= at else ""
    updated, version = stay.start, 1
    if over:
        updated, version = (stay.coded, 4) if stay.coded <= at else (stay.end, 3)
    elif disposition:
        updated, version = stay.announced, 2
    if len(places) > 1:
        updated, version = max(updated, places[-1][1]), version + len(places) - 1
    kind = stay.kind
    if course is not None and at < course.admitted:
        kind = "EMER"
    parts = [
        head("Encounter", stay.id, version, updated),
        _contained(stay) if any(unit == "intensive" for unit, _, _ in places) else "",
        f',"status":"{"finished" if over else "in-progress"}","class":{_class(kind)}',
    ]
    if course is not None and stay.start < course.admitted <= at:
        end = f',"end":"{instant(stay.end)}"' if over else ""
        moved = instant(course.admitted)
        parts.append(
            f',"classHistory":[{{"class":{_class("EMER")},"period":{{"start":"{instant(stay.start)}","end":"{moved}"}}}}'
            f',{{"class":{_class("IMP")},"period":{{"start":"{moved}"{end}}}}}]'
        )
    if stay.oncology:
        parts.append(',"serviceType":' + concept(SNOMED, "394592004", "Clinical oncology"))
    elif stay.service:
        parts.append(f',"serviceType":{{"text":"{stay.service}"}}')
    if stay.priority:
        parts.append(',"priority":' + concept(f"{HL7}/v3-ActPriority", stay.priority, PRIORITIES[stay.priority]))
    parts.append("," + subject)
    if course is not None:
        role = f"PractitionerRole/site-{stay.site}-{service_key(stay.service)}"
        parts.append(f',"participant":[{{"individual":{{"reference":"{role}"}}}}]')
    parts.append(f',"period":{{"start":"{instant(stay.start)}"')
    parts.append(f',"end":"{instant(stay.end)}"}}' if over else "}")
    if course is not None:
        parts.append(f',"reasonCode":[{{"text":"{REASONS[course.reason]}"}}]')
    coded = [
        f'{{"condition":{{"reference":"Condition/{diagnosis.id}"}}{AT_ADMISSION if rank == 1 else ""},"rank":{rank}}}'
        for rank, diagnosis in enumerate(stay.diagnoses, 1)
        if diagnosis.recorded <= at
    ]
    if coded:
        parts.append(f',"diagnosis":[{",".join(coded)}]')
    moves = []
    if stay.from_emergency:
        moves.append('"admitSource":' + concept(f"{HL7}/admit-source", "emd", "From accident/emergency department"))
    if disposition:
        display = DISPOSITIONS[disposition]
        moves.append('"dischargeDisposition":' + concept(f"{HL7}/discharge-disposition", disposition, display))
    if moves:
        parts.append(f',"hospitalization":{{{",".join(moves)}}}')
    if places:
        listed = ",".join(_location(stay, *place, at=at, over=over) for place in places)
        parts.append(f',"location":[{listed}]')
    parts.append(f',"serviceProvider":{{"reference":"Organization/site-{stay.site}"}}}}')
    return "".join(parts)


def _class(kind: str) -> str:
    return f'{{"system":"{HL7}/v3-ActCode","code":"{kind}","display":"{CLASSES[kind]}"}}'


def _places(stay: Stay, course: Course | None) -> list[tuple[str, int, int]]:
    """(unit, from, until) in order; a clinic visit has none."""
    if course is None:
        return [("emergency", stay.start, stay.end)] if stay.kind == "EMER" else []
    ward = service_key(stay.service)
    places = [("emergency", stay.start, course.admitted)] if stay.start < course.admitted else []
    if course.intensive_from == NEVER:
        return [*places, (ward, course.admitted, stay.end)]
    places += [
        (ward, course.admitted, course.intensive_from),
        ("intensive", course.intensive_from, course.intensive_until),
    ]
    return [*places, (ward, course.intensive_until, stay.end)] if course.intensive_until < stay.end else places


def _contained(stay: Stay) -> str:
    """Intensive care is contained with its type: an EHR's answer at the bedside holds no Location beside the Encounter."""
    return (
        f',"contained":[{{"resourceType":"Location","id":"intensive","type":[{INTENSIVE_CARE}]'
        f',"partOf":{{"reference":"Location/site-{stay.site}-intensive"}}}}]'
    )


def _location(stay: Stay, unit: str, start: int, until: int, *, at: int, over: bool) -> str:
    """A place is left once the next one is entered, or the stay is over."""
    left = over or (until <= at and until < stay.end)
    end = f',"end":"{instant(until)}"' if left else ""
    reference = "#intensive" if unit == "intensive" else f"Location/site-{stay.site}-{unit}"
    return (
        f'{{"location":{{"reference":"{reference}"}},"status":"{"completed" if left else "active"}"'
        f',"period":{{"start":"{instant(start)}"{end}}}}}'
    )
