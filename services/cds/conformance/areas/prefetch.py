"""The faces of prefetch: given, asked in vain, failed, left out, paged, wrapped. None of them may break a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from services.cds.conformance.checks import Faults, Skipped, as_object, check
from services.cds.conformance.exchange import Exchange
from services.cds.conformance.made_up import searchset
from services.cds.conformance.target import Service, Target

TOKEN: Final = "check-access-token-5f1c"  # noqa: S105 (made up; it must never come back)
OUTCOME: Final = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "forbidden", "diagnostics": "not permitted"}],
}
NO_RESULTS: Final = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "information", "code": "not-found", "diagnostics": "no results"}],
}


@check(31, "I14")
def full_prefetch_is_answered(target: Target, service: Service) -> Faults:
    """A well-formed call with all of the prefetch is answered with 200 and `cards`."""
    answer = target.full(service)
    if answer.status == 412:
        raise Skipped("412: the made-up patient lacks what the service requires; give a request with --request")
    if answer.status != 200:
        yield f"answered {answer.says}"
    elif not isinstance(as_object(answer.json).get("cards"), list):
        yield "the answer has no `cards` array"


@check(9)
def every_hook_of_an_id_is_answered(target: Target, service: Service) -> Faults:
    """An id that is listed for several hooks answers each of them."""
    if sum(other.id == service.id for other in target.services) < 2:
        raise Skipped("the id is listed for one hook")
    answer = target.full(service)
    if answer.status not in {200, 412}:
        yield f"{service.hook} is answered with {answer.status}"


@check(21)
def null_breaks_nothing(target: Target, service: Service) -> Faults:
    """With `null` for every search the call is answered with 200, or 412 where one of them is required."""
    yield from _stands(_with(target, service, lambda value: None if _is_search(value) else value))


@check(21)
def an_empty_searchset_breaks_nothing(target: Target, service: Service) -> Faults:
    """With an empty searchset for every search likewise."""
    yield from _stands(_with(target, service, lambda value: searchset() if _is_search(value) else value))


@check(21)
def an_outcome_breaks_nothing(target: Target, service: Service) -> Faults:
    """With an OperationOutcome for every search likewise: the client tried and failed."""
    yield from _stands(_with(target, service, lambda value: OUTCOME if _is_search(value) else value))


@check(21)
def an_outcome_among_entries_breaks_nothing(target: Target, service: Service) -> Faults:
    """With an OperationOutcome as the only entry of a searchset likewise: Epic says "no results" in this way."""
    entry = {"resource": NO_RESULTS, "search": {"mode": "outcome"}}
    told = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [entry]}
    yield from _stands(_with(target, service, lambda value: told if _is_search(value) else value))


@check(21)
def a_web_page_as_prefetch_breaks_nothing(target: Target, service: Service) -> Faults:
    """A prefetch value that is no FHIR at all (an HTML error page) does not break the call."""
    yield from _stands(
        _with(target, service, lambda value: "<html>502</html>" if _is_search(value) else value), also=(400,)
    )


@check(21, level="SHOULD")
def what_was_answered_is_not_asked_again(target: Target, service: Service) -> Faults:
    """`null` and an OperationOutcome are answers: the FHIR server is not asked for the same again."""
    server = target.own_fhir()
    for value in (None, OUTCOME):
        before = len(server.hits)
        answer = _with(target, service, _told(value), fetch=True)
        asked = [hit.path.partition("?")[0] for hit in server.hits[before:]]
        if asked:
            yield f"after {'null' if value is None else 'an OperationOutcome'} the server was asked for {asked[:3]}"
        yield from _stands(answer)


@check(22)
def a_paged_bundle_breaks_nothing(target: Target, service: Service) -> Faults:
    """Bundles with a `next` link that cannot be followed do not break the call."""
    link = [{"relation": "next", "url": "https://fhir.invalid/next-page"}]
    yield from _stands(_with(target, service, lambda value: {**value, "link": link} if _is_search(value) else value))


@check(22, level="SHOULD")
def further_pages_are_fetched(target: Target, service: Service) -> Faults:
    """The next page of a prefetched Bundle is fetched from the FHIR server, with the token."""
    server = target.own_fhir()
    _some_search(service)
    before = len(server.hits)
    link = [{"relation": "next", "url": f"{server.fhir}/pages/2"}]
    answer = _with(target, service, lambda value: {**value, "link": link} if _is_search(value) else value, fetch=True)
    yield from _stands(answer)
    if not any("/pages/2" in hit.path for hit in server.hits[before:]):
        yield f"the next page at {server.fhir} was not asked for{_allowed(server.origin)}"


@check(23)
def a_collection_is_understood(target: Target, service: Service) -> Faults:
    """A Bundle of type collection, or of no type, is read like a searchset."""
    yield from _same(target, service, lambda value: {**value, "type": "collection"})


@check(23)
def a_wrapped_value_is_understood(target: Target, service: Service) -> Faults:
    """`{response, resource}` around a value, as older clients send it, is read."""
    yield from _same(target, service, lambda value: {"response": {"status": "200 OK"}, "resource": value}, reads=True)


@check(23)
def a_bare_array_is_understood(target: Target, service: Service) -> Faults:
    """An array of resources where a Bundle is due is read."""
    yield from _same(target, service, lambda value: [entry["resource"] for entry in value.get("entry", [])])


@check(25)
def nothing_to_go_by_is_200_or_412(target: Target, service: Service) -> Faults:
    """Without prefetch and without a FHIR server the answer is 412, or 200 from a service that needs nothing."""
    yield from _stands(target.call(service, target.request(service, prefetch=None)))
    yield from _stands(target.call(service, target.request(service, prefetch={})))


@check(25, 44, level="SHOULD")
def a_412_says_what_is_missing(target: Target, service: Service) -> Faults:
    """A 412 has an OperationOutcome that says something."""
    answer = target.call(service, target.request(service, prefetch=None))
    if answer.status != 412:
        raise Skipped("the service answers without any prefetch")
    issues = as_object(answer.json).get("issue")
    told = [as_object(issue) for issue in issues] if isinstance(issues, list) else []
    if not any(issue.get("diagnostics") or issue.get("details") for issue in told):
        yield "no issue of the answer says what is missing"


@check(24, 26)
def what_is_left_out_is_fetched(target: Target, service: Service) -> Faults:
    """Without prefetch the FHIR server that the call names is asked, and the call is answered as if all had been given."""
    server = target.own_fhir()
    _some_search(service)
    expected = target.answered(service)
    before = len(server.hits)
    answer = target.call(service, _fetching(target, service, prefetch=None))
    if len(server.hits) == before:
        yield f"the FHIR server at {server.origin} was not asked{_allowed(server.origin)}"
    elif answer.status != expected.status:
        yield f"answered {answer.status} with what was fetched, {expected.status} with the same as prefetch"


@check(19)
def templates_are_resolved_by_the_service_too(target: Target, service: Service) -> Faults:
    """What the service asks a FHIR server for holds no unresolved token."""
    server = target.own_fhir()
    before = len(server.hits)
    target.call(service, _fetching(target, service, prefetch=None))
    asked = [hit.path for hit in server.hits[before:]]
    if not asked:
        raise Skipped(f"the FHIR server at {server.origin} was not asked{_allowed(server.origin)}")
    yield from (f"asked for {path[:120]}" for path in asked if "{{" in path or "%7B%7B" in path.upper())


def _fetching(target: Target, service: Service, **changes: Any) -> dict[str, Any]:
    server = target.own_fhir()
    access = {"fhirServer": server.fhir, "fhirAuthorization": target.authorization(TOKEN)}
    return target.request(service, **(access | changes))


def _with(target: Target, service: Service, change: Callable[[Any], Any], *, fetch: bool = False) -> Exchange:
    """The answer to a call whose prefetch values were changed."""
    request = _fetching(target, service) if fetch else target.request(service)
    given = as_object(request.get("prefetch"))
    if not given:
        raise Skipped("the service asks for no prefetch")
    return target.call(service, request | {"prefetch": {key: change(value) for key, value in given.items()}})


def _told(instead: Any) -> Callable[[Any], Any]:
    """A change of every search to this."""
    return lambda value: instead if _is_search(value) else value


def _same(target: Target, service: Service, change: Callable[[Any], Any], *, reads: bool = False) -> Faults:
    """A value in another form is answered as in the right one."""
    expected = target.answered(service)
    answer = _with(target, service, lambda value: change(value) if reads or _is_search(value) else value)
    if answer.status != expected.status:
        yield f"answered {answer.status}, and {expected.status} with the same in the right form"


def _stands(answer: Exchange, *, also: tuple[int, ...] = ()) -> Faults:
    if answer.status not in {200, 412, *also}:
        yield f"answered {answer.says}; 200 or 412 was due"


def _is_search(value: Any) -> bool:
    return isinstance(value, dict) and value.get("resourceType") == "Bundle"


def _some_search(service: Service) -> None:
    if not any("?" in template for template in service.prefetch.values()):
        raise Skipped("the service searches for nothing")


def _allowed(origin: str) -> str:
    return f": is {origin} among the servers that the service may ask? (fix the port with --fhir-port)"
