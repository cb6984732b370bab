"""Discovery: what is offered, each entry's fields, and the prefetch templates."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final
from urllib.parse import parse_qsl

from services.cds.conformance.checks import Faults, Skipped, as_object, check
from services.cds.conformance.contexts import TOKENS
from services.cds.conformance.json_rules import blanks, extensions, is_text, texts
from services.cds.conformance.target import DISCOVERY, REFUSED, Service, Target

SEMVER: Final = re.compile(r"\d+\.\d+(\.\d+)?([-+][0-9A-Za-z.-]+)?")
FHIR_NAMED: Final = re.compile(r"\bR4B?\b|\bR5\b|\bSTU3\b|\bDSTU2\b|FHIR\s*v?\d|\b4\.0(\.1)?\b")
_TOKEN: Final = re.compile(r"\{\{(.*?)\}\}")
_PATH: Final = re.compile(r"context\.[A-Za-z][\w.()-]*")
_NAMED: Final = frozenset({"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"})
_QUERY: Final = re.compile(r"[A-Z][A-Za-z]+(/[^/?]+|\?.+)?|\{\{.*\}\}")
_CONTROLS: Final = frozenset({"_count", "_maxresults", "_sort"})


@check(6)
def discovery_is_there(target: Target) -> Faults:
    """GET /cds-services answers 200 with a JSON object."""
    answer = target.discovery
    if answer.status in REFUSED and target.signer is None:
        raise Skipped("discovery asks for a token, and no key was given (--jwk, --iss)")
    if answer.status != 200:
        yield f"answered {answer.says}"
    elif not isinstance(answer.json, dict):
        yield "the answer is no JSON object"


@check(6, level="SHOULD")
def head_is_answered(target: Target) -> Faults:
    """HEAD on discovery is answered like GET, without a body."""
    answer = target.send("HEAD", DISCOVERY)
    if answer.status != target.discovery.status:
        yield f"HEAD is answered with {answer.status}, GET with {target.discovery.status}"
    if answer.body:
        yield "HEAD is answered with a body"


@check(6, level="MAY")
def etag_is_honoured(target: Target) -> Faults:
    """Discovery that has an ETag answers 304 when nothing has changed."""
    tag = target.get(DISCOVERY).headers.get("etag")
    if tag is None:
        raise Skipped("discovery has no ETag, which is permitted")
    again = target.get(DISCOVERY, **{"if-none-match": tag})
    if again.status != 304:
        yield f"the same ETag is answered with {again.status}, not 304"


@check(7, "I2")
def services_is_a_list(target: Target) -> Faults:
    """`services` is an array of objects."""
    found = as_object(target.discovery.json).get("services")
    if not isinstance(found, list):
        yield "`services` is missing, or no array"
        return
    yield from (f"services[{number}] is no object" for number, one in enumerate(found) if not isinstance(one, dict))


@check(8, "I2")
def entries_have_hook_id_and_description(target: Target) -> Faults:
    """Every entry has `hook`, `id` and `description`, none of them blank."""
    for entry, place in _entries(target):
        yield from texts(entry, place, required=("hook", "id", "description"))


@check(8)
def entries_are_of_the_stated_types(target: Target) -> Faults:
    """`title`, `usageRequirements`, `version` and `hookVersion` are texts, `prefetch` maps keys to templates."""
    for entry, place in _entries(target):
        yield from texts(entry, place, optional=("title", "usageRequirements", "version", "hookVersion"))
        if "prefetch" not in entry:
            continue
        if not isinstance(entry["prefetch"], dict):
            yield f"{place}.prefetch is no object"
            continue
        yield from (
            f"{place}.prefetch.{key} is no text" for key, value in entry["prefetch"].items() if not is_text(value)
        )


@check(8, level="SHOULD")
def version_is_that_of_cds_hooks(target: Target) -> Faults:
    """`version` is the version of CDS Hooks that is spoken, such as 2.0.0."""
    for entry, place in _entries(target):
        if not SEMVER.fullmatch(str(entry.get("version", ""))):
            yield f"{place}.version is no semantic version" if "version" in entry else f"{place} has no version"


@check(9)
def each_hook_of_an_id_is_listed_once(target: Target) -> Faults:
    """No pair of id and hook is listed twice."""
    pairs = Counter((str(entry.get("id")), str(entry.get("hook"))) for entry, _ in _entries(target))
    yield from (f"{pair[0]} is listed {count} times for {pair[1]}" for pair, count in pairs.items() if count > 1)


@check(10, 56)
def extensions_of_discovery_are_objects(target: Target) -> Faults:
    """Every `extension` in discovery is a JSON object."""
    yield from extensions(target.discovery.json, "")


@check(11)
def discovery_takes_a_token(target: Target) -> Faults:
    """Discovery answers a call that carries a JWT for the discovery URL."""
    if target.signer is None:
        raise Skipped("no key was given (--jwk, --iss)")
    answer = target.get(DISCOVERY)
    if answer.status != 200:
        yield f"answered {answer.says}"


@check(3)
def nothing_in_discovery_is_empty(target: Target) -> Faults:
    """Discovery holds no `null`, empty text, array or object, but for `services: []`."""
    if isinstance(content := target.discovery.json, dict):
        yield from blanks({"services": [], **content}, "")


@check(57)
def own_hooks_have_reverse_domain_names(target: Target) -> Faults:
    """A hook that the library does not have is named in reverse-domain notation."""
    for entry, place in _entries(target):
        hook = str(entry.get("hook", ""))
        if hook not in TOKENS and "." not in hook:
            yield f"{place}.hook {hook!r} is no hook of the library and has no domain in its name"


@check(58)
def fhir_version_is_said(target: Target) -> Faults:
    """Discovery names the FHIR version in a service's description or requirements."""
    for entry, place in _entries(target):
        said = " ".join(str(entry.get(name, "")) for name in ("title", "description", "usageRequirements", "extension"))
        if not FHIR_NAMED.search(said):
            yield f"{place} names no FHIR version"


@check(17)
def templates_are_reads_or_searches(target: Target, service: Service) -> Faults:
    """Every prefetch template is a FHIR read or search, relative to the server."""
    for key, template in _templates(target, service).items():
        if not _QUERY.fullmatch(template):
            yield f"prefetch.{key} is no `Type/id` or `Type?…`: {template[:80]}"


@check(17)
def tokens_are_paths_of_the_context(target: Target, service: Service) -> Faults:
    """Every token is `context.…`, a user token or `today()`."""
    for key, template in _templates(target, service).items():
        for token in map(str.strip, _TOKEN.findall(template)):
            parts = [part.strip() for part in token.split("|")]
            if not all(
                _PATH.fullmatch(one) or one in _NAMED or one[:1] == "%" or one[:7] == "today()" for one in parts
            ):
                yield f"prefetch.{key} has the token {{{{{token}}}}}"
        if template.count("{{") != template.count("}}"):
            yield f"prefetch.{key} has a token that is not closed"


@check(18)
def tokens_are_root_fields_of_their_hook(target: Target, service: Service) -> Faults:
    """Every context token is a root-level field that the hook's definition lets be used, and not, say, draftOrders."""
    allowed = TOKENS.get(service.hook)
    if allowed is None:
        raise Skipped(f"{service.hook} is not in the HL7 library: its definition says which tokens it has")
    for key, template in _templates(target, service).items():
        for token in map(str.strip, _TOKEN.findall(template)):
            if token.startswith("context.") and token.removeprefix("context.") not in allowed:
                yield f"prefetch.{key} uses {token}, which {service.hook} does not offer"


@check(20)
def templates_keep_to_the_restricted_subset(target: Target, service: Service) -> Faults:
    """Searches have no chains, no includes and no modifier but `:in`."""
    for key, template in _templates(target, service).items():
        for name, _ in parse_qsl(template.partition("?")[2], keep_blank_values=True):
            bare, _, modifier = name.partition(":")
            if "." in bare or (bare.startswith("_") and bare not in _CONTROLS | {"_id"}) or modifier not in ("", "in"):
                yield f"prefetch.{key} searches by {name}"


def _entries(target: Target) -> list[tuple[dict[str, Any], str]]:
    entries = [(as_object(entry), f"services[{number}]") for number, entry in enumerate(target.entries)]
    if not entries:
        raise Skipped("discovery lists no service")
    return entries


def _templates(target: Target, service: Service) -> dict[str, str]:
    target.cite(target.discovery)
    if not service.prefetch:
        raise Skipped("the service asks for no prefetch")
    return dict(service.prefetch)
