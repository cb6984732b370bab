"""The way to the client's FHIR server: what authorization is understood, and where the token goes and does not go."""

from __future__ import annotations

from services.cds.conformance.areas.prefetch import TOKEN
from services.cds.conformance.checks import Faults, Skipped, as_object, check
from services.cds.conformance.own_server import Hit, OwnServer
from services.cds.conformance.target import Service, Target


@check(27)
def any_scope_is_understood(target: Target, service: Service) -> Faults:
    """SMART v1 and v2 scopes, unknown ones, and a missing `patient` do not break the call."""
    for scope in (
        "patient/*.read",
        "patient/Observation.rs user/Patient.r",
        "Patient.Read (R4) Observation.Search (Labs) (R4)",
    ):
        access = target.authorization(TOKEN, scope=scope, patient="check-patient")
        request = target.request(service, fhirServer="https://fhir.invalid/r4", fhirAuthorization=access)
        answer = target.call(service, request)
        if answer.status not in {200, 412}:
            yield f"answered {answer.says} with the scope {scope!r}"


@check(29)
def the_token_is_presented(target: Target, service: Service) -> Faults:
    """Every request to the FHIR server carries the access token of the call."""
    server, hits = _fetch_all(target, service)
    if not hits:
        raise Skipped(f"the FHIR server at {server.origin} was not asked")
    yield from (f"asked without it: {hit.path[:100]}" for hit in hits if hit.authorization != f"Bearer {TOKEN}")


@check(30)
def no_next_link_leads_elsewhere(target: Target, service: Service) -> Faults:
    """A `next` link to another server is not followed, neither with the token nor without."""
    server, stranger = target.own_fhir(), _stranger(target)
    request = target.request(service, fhirServer=server.fhir, fhirAuthorization=target.authorization(TOKEN))
    link = [{"relation": "next", "url": f"{stranger.fhir}/Observation?page=2"}]
    given = as_object(request.get("prefetch"))
    paged = {
        key: {**value, "link": link} if as_object(value).get("resourceType") == "Bundle" else value
        for key, value in given.items()
    }
    before = len(stranger.hits)
    target.call(service, request | {"prefetch": paged})
    yield from _asked(stranger.hits[before:])


@check(30)
def no_redirect_leads_elsewhere(target: Target, service: Service) -> Faults:
    """A redirect to another server is not followed with the token."""
    server, stranger = target.own_fhir(), _stranger(target)
    before = len(stranger.hits)
    server.moved_to = stranger.fhir
    request = target.request(
        service, prefetch=None, fhirServer=server.moved, fhirAuthorization=target.authorization(TOKEN)
    )
    target.call(service, request)
    yield from _asked(stranger.hits[before:])


def _fetch_all(target: Target, service: Service) -> tuple[OwnServer, list[Hit]]:
    server = target.own_fhir()
    before = len(server.hits)
    access = target.authorization(TOKEN)
    target.call(service, target.request(service, prefetch=None, fhirServer=server.fhir, fhirAuthorization=access))
    return server, server.hits[before:]


def _stranger(target: Target) -> OwnServer:
    if target.stranger is None:
        raise Skipped("the service does not run on this machine, so it could not reach a stranger here")
    return target.stranger


def _asked(hits: list[Hit]) -> Faults:
    for hit in hits:
        how = "with the token" if TOKEN in hit.authorization else "without the token"
        yield f"another server was asked, {how}: {hit.path[:100]}"
