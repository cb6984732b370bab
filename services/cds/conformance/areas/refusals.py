"""What must be taken though it is unknown, and what must be refused: 4xx for the caller's faults, never 200, never 5xx."""

from __future__ import annotations

import uuid
from typing import Any, Final

from services.cds.conformance.checks import Faults, NoAnswer, check
from services.cds.conformance.exchange import Exchange
from services.cds.conformance.made_up import Case, now
from services.cds.conformance.target import DISCOVERY, Service, Target

LARGE: Final = 12_000_000  # bytes; a hook request of a long stay has 2 MB
LONG_ID: Final = "e" + "Zz9-" * 49 + "x.1"  # 200 characters, as Epic's ids nearly have
WRONG_TYPES: Final[tuple[tuple[str, Any], ...]] = (
    ("hook", 7), ("hook", None), ("hookInstance", {}), ("context", []), ("context", "patient"), ("prefetch", "all"),
)  # fmt: skip


# --- taken ---


@check(12)
def an_extension_is_taken(target: Target, service: Service) -> Faults:
    """`extension`, an object with keys that the service does not know, is taken."""
    extension = {"org.example.hint": {"reason": "check"}, "com.epic.cdshooks.request.bpa-trigger-action": "60"}
    yield from _taken(target, service, extension=extension)


@check(13)
def unknown_fields_are_tolerated(target: Target, service: Service) -> Faults:
    """Fields of the request, the context and the prefetch that the service does not know are tolerated."""
    request = target.request(service)
    context = request["context"] | {"fieldOfANewerVersion": {"a": [1]}}
    prefetch = dict(request.get("prefetch") or {}) | {"org.example.extra": None}
    yield from _taken(target, service, context=context, prefetch=prefetch, fieldOfANewerVersion=["x"])


@check(12, level="SHOULD")
def long_ids_are_taken(target: Target, service: Service) -> Faults:
    """Ids of 200 characters are taken: those of a large vendor have 194."""
    case = Case(patient=LONG_ID, encounter=LONG_ID[::-1], now=now())
    answer = target.call(service, target.request(service, case=case))
    if answer.status != target.answered(service).status:
        yield f"answered {answer.says}"


@check(12, level="SHOULD")
def a_repeated_hook_instance_is_answered(target: Target, service: Service) -> Faults:
    """The same `hookInstance` again, as after a lost answer, is answered."""
    request = target.request(service) | {"hookInstance": str(uuid.uuid4())}
    first, second = target.call(service, request), target.call(service, request)
    if first.status != second.status:
        yield f"answered {second.status} after {first.status}"


def _taken(target: Target, service: Service, **more: Any) -> Faults:
    expected = target.full(service).status
    answer = target.call(service, target.request(service, **more))
    if answer.status != expected:
        yield f"answered {answer.says}, and {expected} without it"


# --- refused ---


@check(14)
def a_missing_field_is_refused(target: Target, service: Service) -> Faults:
    """A call without `hook`, without `hookInstance` or without `context` is 4xx."""
    for name in ("hook", "hookInstance", "context"):
        request = target.request(service)
        del request[name]
        yield from _refused(_post(target, service.path, request), f"without {name}")


@check(14)
def wrong_types_are_refused(target: Target, service: Service) -> Faults:
    """A number for `hook`, an object for `hookInstance`, an array or text for `context`, a text for `prefetch` are 4xx."""
    for name, value in WRONG_TYPES:
        answer = _post(target, service.path, target.request(service) | {name: value})
        yield from _refused(answer, f"with {name} = {value!r}")


@check(14)
def what_is_no_json_is_refused(target: Target, service: Service) -> Faults:
    """Broken JSON, an array, a text, nothing, bytes that are no UTF-8, and JSON nested too deeply are 4xx."""
    bodies = {
        "broken JSON": b'{"hook": "patient-view",', "an array": b"[]", "a text": b'"patient-view"', "an empty body": b"",
        "no UTF-8": b'{"hook": "\xff\xfe"}', "JSON nested 100,000 deep": b"[" * 100_000,
    }  # fmt: skip
    for what, body in bodies.items():
        yield from _refused(_post(target, service.path, body), f"to {what}")


@check(14, level="SHOULD")
def a_malformed_call_is_400(target: Target, service: Service) -> Faults:
    """Among the 4xx it is 400 that says malformed."""
    for what, body in {"broken JSON": b'{"hook"', "an object without fields": b"{}"}.items():
        answer = _post(target, service.path, body)
        if answer.status != 400:
            yield f"{what} is answered with {answer.status}"


@check(14)
def an_unknown_service_is_404(target: Target) -> Faults:
    """A call to an id that discovery does not list is 404."""
    body = {"hook": "patient-view", "hookInstance": str(uuid.uuid4()), "context": {"patientId": "1", "userId": "P/1"}}
    answer = _post(target, f"{DISCOVERY}/there-is-no-such-service", body)
    if answer.status != 404:
        yield f"answered {answer.says}"


@check(14)
def the_wrong_hook_is_refused(target: Target, service: Service) -> Faults:
    """A hook that the service is not listed for is 4xx, a hook that nobody knows too."""
    listed = {other.hook for other in target.services if other.id == service.id}
    other = next(hook for hook in ("appointment-book", "patient-view") if hook not in listed)
    for hook in (other, "org.example.unheard-of"):
        yield from _refused(
            _post(target, service.path, target.request(service) | {"hook": hook}), f"to the hook {hook}"
        )


@check(14)
def a_huge_id_is_no_fault(target: Target, service: Service) -> Faults:
    """A patient id of a hundred thousand characters is answered or refused, not a 5xx."""
    request = target.request(service)
    answer = _post(target, service.path, request | {"context": request["context"] | {"patientId": "9" * 100_000}})
    if answer.status >= 500:
        yield f"answered {answer.says}"


@check(14, level="SHOULD")
def a_body_too_large_is_refused(target: Target, service: Service) -> Faults:
    """A body of 12 MB is refused (413) or answered; the connection is not just dropped."""
    request = target.request(service, extension={"org.example.ballast": "x" * LARGE})
    try:
        answer = _post(target, service.path, request)
    except NoAnswer as fault:
        yield str(fault)
        return
    if answer.status >= 500:
        yield f"answered {answer.says}"


@check(14, level="SHOULD")
def a_wrong_method_is_405(target: Target) -> Faults:
    """DELETE on discovery and GET on a service are 405 and name what is allowed."""
    tried = [("DELETE", DISCOVERY), *(("GET", service.path) for service in target.services[:1])]
    for method, path in tried:
        answer = target.send(method, path)
        if answer.status != 405:
            yield f"{method} {path} is answered with {answer.status}"
        elif not answer.headers.get("allow"):
            yield f"the 405 to {method} {path} has no Allow header"


def _post(target: Target, path: str, body: Any) -> Exchange:
    """An answer to what is wrong with the call itself: a 401 would tell nothing of that."""
    return target.let_in(target.post(path, body))


def _refused(answer: Exchange, what: str) -> Faults:
    if not 400 <= answer.status < 500:
        yield f"{what}: answered {answer.says}"
