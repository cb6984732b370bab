"""CORS: whether a client in a browser, such as the CDS Hooks Sandbox, can call, and can read what it is refused."""

from __future__ import annotations

from typing import Final

from services.cds.conformance.checks import Faults, Skipped, check
from services.cds.conformance.exchange import Exchange
from services.cds.conformance.target import DISCOVERY, Service, Target

ORIGIN: Final = "https://sandbox.cds-hooks.org"
HEADERS: Final = ("authorization", "content-type")


@check(55)
def preflight_of_discovery(target: Target) -> Faults:
    """A browser may GET discovery with a token."""
    yield from _preflight(target, DISCOVERY, "GET")


@check(55)
def preflight_of_a_call(target: Target, service: Service) -> Faults:
    """A browser may POST a hook call with a token and JSON."""
    yield from _preflight(target, service.path, "POST")


@check(55)
def preflight_of_feedback(target: Target, service: Service) -> Faults:
    """A browser may POST feedback."""
    if target.post(f"{service.path}/feedback", {"feedback": []}).status in {404, 405, 501}:
        raise Skipped("there is no feedback endpoint, which is permitted")
    yield from _preflight(target, f"{service.path}/feedback", "POST")


@check(55)
def answers_can_be_read_in_a_browser(target: Target) -> Faults:
    """The answer of discovery names the origin that may read it."""
    yield from _readable(target.get(DISCOVERY, origin=ORIGIN))


@check(55)
def errors_can_be_read_in_a_browser(target: Target) -> Faults:
    """So do 404, 400 and 401: else a browser shows only that CORS failed."""
    json = {"content-type": "application/json", "origin": ORIGIN}
    yield from _readable(target.get(f"{DISCOVERY}/there-is-no-such-service/feedback", origin=ORIGIN))
    yield from _readable(target.send("POST", f"{DISCOVERY}/there-is-no-such-service", headers=json, content=b"{}"))
    for service in target.services[:1]:
        yield from _readable(target.send("POST", service.path, headers=json, content=b"{"))
        yield from _readable(target.send("POST", service.path, headers=json, content=b"{}", signed=False))


@check(55, level="SHOULD")
def options_without_a_preflight_is_answered(target: Target) -> Faults:
    """A plain OPTIONS, which asks what can be done here, is no error."""
    answer = target.send("OPTIONS", DISCOVERY, signed=False)
    if not 200 <= answer.status < 300:
        yield f"answered with {answer.status}"


def _preflight(target: Target, path: str, method: str) -> Faults:
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": method,
        "access-control-request-headers": ",".join(HEADERS),
    }
    # A browser never puts a token on a preflight.
    answer = target.send("OPTIONS", path, headers=asked, signed=False)
    if not 200 <= answer.status < 300:
        yield f"OPTIONS {path} is answered with {answer.status}"
        return
    yield from _readable(answer)
    # GET and POST are safelisted: a browser needs no leave for the method.
    allowed = answer.headers.get("access-control-allow-headers", "").lower().replace(" ", "").split(",")
    # `*` does not stand for Authorization (Fetch standard).
    missing = [name for name in HEADERS if name not in allowed and (name == "authorization" or "*" not in allowed)]
    yield from (f"OPTIONS {path} does not allow the header {name}" for name in missing)


def _readable(answer: Exchange) -> Faults:
    if answer.headers.get("access-control-allow-origin") not in {"*", ORIGIN}:
        yield f"the answer {answer.status} to {answer.method} {answer.number} has no access-control-allow-origin for {ORIGIN}"
