"""Trying guidance out for the registry: the path of a call, on made-up data, of which nothing stays.

The same features, models, bands and cards as a call, and no decision, no count, no metric of cards, no fetch from a FHIR
server. What a call asks of the log (said before, snoozed, over a cap) is not asked, and no arm of a trial or share of patients is drawn:
whoever tries a patient's id must not learn its arm.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.cds.callers.client_auth import ANYONE
from services.cds.clients.hear import hear
from services.cds.clients.profile import DEFAULT
from services.cds.clients.speak import answer_of
from services.cds.consider import Considered, Withheld, consider
from services.cds.decisions.records import Token
from services.cds.desk import Desk
from services.cds.governed.deployed import Deployed
from services.cds.patient.bedside import read_bedside
from services.cds.patient.prefetch_shapes import read_answer
from services.cds.schemas import HookRequest, read_hook_request
from services.cds.stopwatch import Stopwatch
from services.guidance.errors import NotAuthenticated, NotFound, Unavailable
from services.guidance.made_up import refuse_untagged
from services.guidance.ready import Release
from services.plumbing.try_tokens import TYPE, read_pass
from services.plumbing.web import decode, json_response, read_json
from services.timeline.errors import BadInput

LARGEST = 512 * 1024  # a form of the registry holds 256 KB; its JSON is not longer


class TryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hook request as an EHR would send it, and the release it is for; empty: the one that is held here."""

    request: msgspec.Raw
    release: str = ""


_ASKED = msgspec.json.Decoder(TryRequest)
_ANY = msgspec.json.Decoder()
router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class TryDoor:
    """What the route stands on; `app` puts it on `app.state.try_door` at start-up. `public_url` is a pass's audience."""

    desk: Desk
    public_url: str

    async def admit(self, authorizations: list[str]) -> None:
        """NotAuthenticated unless one pass of the registry is shown, for here, now, and for the first time anywhere."""
        scheme, _, signed = (authorizations[0] if len(authorizations) == 1 else "").partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated("no pass for trying", reason="no-token")
        keys = self.desk.approved.keys
        shown = read_pass(signed.strip(), keys, audience=self.public_url, now=time.time())
        if not await self.desk.durable.token(Token(iss=TYPE, jti=shown.jti, expires_at=shown.exp)):
            raise NotAuthenticated("a pass for trying is refused: it was used before", reason="replayed")


@router.post("/try/{guidance}")
async def try_out(guidance: str, request: Request) -> Response:
    """What this guidance would answer, and why. For the registry alone."""
    door: TryDoor = request.app.state.try_door
    await door.admit(request.headers.getlist("authorization"))
    asked = decode(_ASKED, await read_json(request, limit=LARGEST))
    refuse_untagged(decode(_ANY, bytes(asked.request), place="request"))
    hook_request = read_hook_request(bytes(asked.request), ANYONE)
    # Off the event loop: a trial of words must not hold up the calls of patients.
    said = await asyncio.to_thread(_tried, door.desk, guidance, asked.release, hook_request)
    return json_response(said, headers={"Cache-Control": "no-store"})


def _tried(desk: Desk, guidance: str, digest: str, request: HookRequest) -> dict[str, Any]:
    watch, deployed = Stopwatch(), _named(desk, guidance, digest)
    manifest, release = deployed.manifest, deployed.release
    if not manifest.runs or release is None:
        raise Unavailable(
            f"this guidance does not run here: it is {manifest.stage}", place=guidance, remedy="Try one that runs"
        )
    hooks = frozenset(entry.hook for entry in release.guidance.hooks)
    profile = desk.profiles.named(DEFAULT)
    request = msgspec.structs.replace(hear(request, profile, answered=hooks), fhir_server="", fhir_token="")
    if request.hook not in hooks:
        raise BadInput(
            "this guidance does not answer that hook", place="hook", remedy=f"It answers {', '.join(sorted(hooks))}"
        )
    if not request.patient:
        raise BadInput("missing", place="$.context.patientId", remedy="Every guidance here is about one patient")
    untried = replace(deployed, manifest=msgspec.structs.replace(manifest, trial=None))
    said = _considered(untried, release, request, desk, watch)
    covered = manifest.where.covers(site=desk.approved.site, hook=request.hook)
    if not covered and said["status"] != "failed":
        said |= {"status": "suspended", "reason": f"not approved for {request.hook} at this site", "sent": False}
    return {
        "guidance": guidance,
        "name": release.guidance.title,
        "release": manifest.release,
        "stage": manifest.stage,
        **said,
        "prefetch": [_given(name, request) for name in release.queries],
        "milliseconds": round(watch.seconds * 1000, 1),
    }


def _named(desk: Desk, guidance: str, digest: str) -> Deployed:
    """The release of that digest, else the one that counts most: never chosen by the patient, as a share would be."""
    if not digest:
        return desk.approved.find(guidance)
    for deployed in desk.approved.deployed(guidance):
        if deployed.manifest.release == digest:
            if deployed.manifest.seconds_left(datetime.now(UTC)) <= 0:
                raise Unavailable("its lease ended", place=guidance, remedy="Check that the CDS hears the registry")
            return deployed
    raise NotFound("this worker does not hold that release", place="release", remedy="Try one that runs")


def _considered(
    deployed: Deployed, release: Release, request: HookRequest, desk: Desk, watch: Stopwatch
) -> dict[str, Any]:
    """What is decided, and from what; `sent`: whether an EHR would get the cards."""
    profile = desk.profiles.named(DEFAULT)
    try:
        bedside = read_bedside(release, request, {}, now=desk.bedside_clock())
        considered = consider(deployed, request, bedside, profile=profile, watch=watch)
    except Withheld as fault:
        nothing: dict[str, Any] = {"risk": None, "band": "", "inputs": [], "answer": answer_of([], profile, hook="")}
        return {"status": "failed", "reason": f"{fault.kind}: {fault.reason}", "sent": False} | nothing
    decision = considered.decision
    cards = [decision.card] if decision.card is not None else []
    return {
        "status": decision.status,
        "reason": decision.reason,
        "sent": decision.status == "shown",
        "risk": decision.risk,
        "band": decision.band,
        "answer": answer_of(cards, profile, hook=request.hook, system_actions=decision.system_actions or ()),
        "inputs": _inputs(considered, release),
    }


def _inputs(considered: Considered, release: Release) -> list[dict[str, Any]]:
    """Every feature with what is known of it, where it stands, and what it adds; the largest contribution first."""
    decision, features = considered.decision, release.guidance.features
    rows = [
        {
            "name": name,
            "label": features[name].label if name in features else name,
            "state": decision.states.get(name, ""),
            "value": decision.features.get(name),
            "contribution": decision.contributions.get(name),
            "source": decision.sources.get(name, ""),
        }
        for name in dict.fromkeys([*decision.features, *decision.contributions])
    ]
    return sorted(rows, key=lambda row: -abs(row["contribution"] or 0.0))


def _given(name: str, request: HookRequest) -> dict[str, Any]:
    """What one prefetch key gave: `given`, `nothing` (asked, and there is none), `failed`, or `missing` (not sent)."""
    sent = request.prefetch.get(name)
    if sent is None:
        return {"key": name, "state": "missing", "resources": 0}
    found = read_answer(sent)
    return {
        "key": name,
        "state": "given" if found.state == "answered" else found.state,
        "resources": len(found.resources),
    }
