"""A small FHIR server over one patient's record as it stood: it answers the prefetch templates that CDS advertises.

It knows the searches that hospitals offer (`search_parameters`, `_sort`, `_count`) and refuses any other parameter: a
template that it cannot answer would otherwise come back as "nothing found".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

from services.demo.as_of import Resource, as_of
from services.demo.facts import PatientRecord
from services.demo.fragments import instant
from services.demo.search_parameters import DATES, REFERENCES, TOKENS
from services.timeline.errors import BadInput

CLINICIAN = "Practitioner/demo-clinician"
ORDER_HOOKS = ("order-select", "order-sign")
BASE = "https://ehr.example.org/fhir"
TOKEN = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
COMPARISONS = ("eq", "gt", "ge", "lt", "le")


class FhirServer:
    """One patient's record at one time, behind FHIR reads and searches."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._by_type: dict[str, list[Resource]] = {}
        for resource in resources:
            self._by_type.setdefault(resource["resourceType"], []).append(resource)

    def answer(self, query: str) -> Resource:
        """The resource of a read (`Type/id`) or the searchset Bundle of a search (`Type?…`)."""
        kind, question, parameters = query.partition("?")
        if not question:
            return self._read(*kind.split("/", 1))
        return self._search(kind, query, parse_qsl(parameters, keep_blank_values=True))

    def _read(self, kind: str, identity: str) -> Resource:
        for resource in self._by_type.get(kind, ()):
            if resource["id"] == identity:
                return resource
        return {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": "not-found", "diagnostics": f"no such {kind}"}],
        }

    def _search(self, kind: str, query: str, parameters: list[tuple[str, str]]) -> Resource:
        found: list[Resource] = list(self._by_type.get(kind, ()))
        count, sort = 0, ""
        for name, value in parameters:
            if name == "_count":
                count = int(value)
            elif name == "_sort":
                sort = value
            elif name in REFERENCES:
                wanted = set(value.split(","))
                found = [r for r in found if not wanted.isdisjoint(_targets(r, REFERENCES[name]))]
            elif name in TOKENS:
                wanted = set(value.split(","))
                found = [r for r in found if not wanted.isdisjoint(_tokens(r, TOKENS[name]))]
            elif name in DATES:
                found = [r for r in found if _within(r, DATES[name], value)]
            else:
                raise BadInput(f"the demo EHR knows no search parameter {name!r}", place=query)
        for key in reversed([key for key in sort.split(",") if key]):
            paths = DATES.get(key.lstrip("-"))
            if paths is None:
                raise BadInput(f"the demo EHR cannot sort by {key!r}", place=query)
            found.sort(key=lambda r: (_moments(r, paths)[0], r["id"]), reverse=key.startswith("-"))
        page = found[:count] if count else found
        address = f"{BASE}/{quote(query, safe='/?=&|,:')}"
        links = [{"relation": "self", "url": address}]
        if len(page) < len(found):
            links.append({"relation": "next", "url": f"{address}&_page=2"})
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
        if page:
            bundle["entry"] = [
                {"fullUrl": f"{BASE}/{kind}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in page
            ]
        return bundle


def hook_request(
    service: Mapping[str, Any], record: PatientRecord, encounter: str, at: int, *, user: str = CLINICIAN
) -> dict[str, Any]:
    """The whole CDS Hooks request that the EHR sends at `at`, with every prefetch that the service advertises.

    `service` is an entry of discovery. The hook instance is derived from what is asked, so that a replay is the same.
    While something is ordered, the orders written at `at` are drafts of the context, and not yet in the record.
    """
    context = {"userId": user, "patientId": record.person.id, "encounterId": encounter}
    held = as_of(record, at)
    drafts: dict[str, Any] = {}
    if service["hook"] in ORDER_HOOKS:
        held, drafts = _with_drafts(held, instant(at), selected=service["hook"] == "order-select")
    server = FhirServer(held)
    prefetch = {}
    for key, template in service.get("prefetch", {}).items():
        query = fill(template, context)
        if query is not None:
            prefetch[key] = server.answer(query)
    name = f"{service['hook']} {service['id']} {encounter} {instant(at)}"
    return {
        "hook": service["hook"],
        "hookInstance": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "context": context | drafts,
        "prefetch": prefetch,
    }


def _with_drafts(held: list[Resource], now: str, *, selected: bool) -> tuple[list[Resource], dict[str, Any]]:
    """The record without what is being ordered, and the keys of the context that hold it."""
    signed, drafts = [], []
    for resource in held:
        if resource["resourceType"] == "MedicationRequest" and resource.get("authoredOn") == now:
            drafts.append({name: value for name, value in resource.items() if name != "meta"} | {"status": "draft"})
        else:
            signed.append(resource)
    context: dict[str, Any] = {
        "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in drafts]}
    }
    if selected:
        context["selections"] = [f"MedicationRequest/{one['id']}" for one in drafts]
    return signed, context


def fill(template: str, context: Mapping[str, str]) -> str | None:
    """The template with its tokens filled in; None if the context lacks one (the key is then left out)."""
    values = {f"context.{name}": value for name, value in context.items()}
    if any(token not in values for token in TOKEN.findall(template)):
        return None
    return TOKEN.sub(lambda token: values[token.group(1)], template)


def _at(resource: Any, path: str) -> Iterator[Any]:
    """Everything that stands at a path, through lists."""
    ahead = [resource]
    for step in path.split("."):
        ahead = [one[step] for one in ahead if isinstance(one, dict) and step in one]
        ahead = [item for one in ahead for item in (one if isinstance(one, list) else [one])]
    yield from ahead


def _tokens(resource: Resource, paths: Iterable[str]) -> set[str]:
    """All the ways in which a search may name the codes that stand there."""
    named: set[str] = set()
    for item in (item for path in paths for item in _at(resource, path)):
        if isinstance(item, str):
            named.add(item)
            continue
        for coding in item.get("coding", [item]):
            system, code = coding.get("system", ""), coding.get("code", "")
            named |= {code, f"{system}|{code}", f"{system}|"}
    return named


def _targets(resource: Resource, paths: Iterable[str]) -> set[str]:
    """All the ways in which a search may name what is pointed to: with its type, by its bare id, as a canonical."""
    named: set[str] = set()
    for item in (item for path in paths for item in _at(resource, path)):
        target = item if isinstance(item, str) else item.get("reference", "")
        named |= {target, target.rsplit("/", 1)[-1], target.partition("|")[0]}
    return named


def _moments(resource: Resource, paths: Iterable[str]) -> tuple[str, str]:
    """(first, last) instant of the first path that is there; an open period never ends. Text sorts as time does here."""
    for path in paths:
        value: Any = resource
        for step in path.split("."):
            value = value.get(step, {}) if isinstance(value, dict) else {}
        if isinstance(value, str):
            return value, value
        if value:
            return value.get("start", ""), value.get("end", "9999-12-31T23:59:59Z")
    return "", ""


def _within(resource: Resource, paths: Iterable[str], wanted: str) -> bool:
    """FHIR date comparison of a period or instant with one date."""
    comparison, text = (wanted[:2], wanted[2:]) if wanted[:2] in COMPARISONS else ("eq", wanted)
    low, high = (f"{text}T00:00:00Z", f"{text}T23:59:59Z") if len(text) == 10 else (text, text)
    first, last = _moments(resource, paths)
    if not first:
        return False
    return {
        "eq": low <= first and last <= high,
        "gt": last > high,
        "ge": last >= low,
        "lt": first < low,
        "le": first <= high,
    }[comparison]
