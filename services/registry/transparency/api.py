"""What is disclosed of a guidance, over HTTP: attributes, risks, model card, TRIPOD+AI, bibliography; and edits of attributes.

Without `release` it is that of the release which is furthest: running before stopped, stopped before proposed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotFound
from services.guidance.transparency.bibliography import bibtex
from services.guidance.transparency.checklist import tripod_summary
from services.guidance.transparency.disclosed import edit_shown
from services.guidance.transparency.model_card import card_markdown, card_xml
from services.plumbing.web import decode, json_response, read_body
from services.registry.api import Proposer, Reader
from services.registry.decisions import proposals
from services.registry.desk import DeskDep
from services.registry.schemas import check_shown
from services.registry.transparency import edits
from services.registry.transparency.about import About, about, current, facts_of
from services.registry.transparency.card import card_of
from services.registry.transparency.readers import PublicReader

router: Final = APIRouter()
# What must not stand in a text that is kept and shown: control characters but tab and line ends.
_PLAIN: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_Text = Annotated[str, msgspec.Meta(max_length=4000, pattern=_PLAIN)]
Release = Annotated[str, Query(max_length=100, description="digest of a release; without it the one that is furthest")]
Card = Literal["xml", "markdown"]


class _NotAvailable(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    not_available: bool
    reason: _Text


class EditBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /guidance/{guidance}/attributes`."""

    attribute: Annotated[str, msgspec.Meta(max_length=60, pattern=_PLAIN)]
    value: _Text | _NotAvailable
    why: _Text


EDIT: Final = msgspec.json.Decoder(EditBody)


def about_release(connection: Connection, guidance: str, release: str, now: datetime) -> About:
    """What is disclosed of a guidance, or of that release of it; NotFound if it is not here."""
    if not release:
        return about(connection, current(connection, guidance), now=now)
    proposal = proposals.by_release(connection, release)
    if proposal is None or proposal.guidance != guidance:
        raise NotFound("no such release of it here", place=release[:80], remedy="See `GET /guidance` for what there is")
    return about(connection, proposal, now=now)


@router.get("/.well-known/dsi/{guidance}")
async def well_known(guidance: str, desk: DeskDep, _reader: PublicReader) -> Response:
    """Every source attribute of a guidance, (v)(A): what a card leads to, for machines."""
    now = desk.now()
    return json_response((await desk.read(lambda connection: about_release(connection, guidance, "", now))).shown)


@router.get("/guidance/{guidance}/attributes")
async def attributes(guidance: str, desk: DeskDep, _reader: PublicReader, release: Release = "") -> Response:
    """The source attributes as they stand: who filled each, computed ones with digest and time."""
    now = desk.now()
    return json_response((await desk.read(lambda connection: about_release(connection, guidance, release, now))).shown)


@router.post("/guidance/{guidance}/attributes")
async def edit_attribute(guidance: str, request: Request, desk: DeskDep, editor: Proposer) -> Response:
    """Record, add or correct one attribute; what is computed is refused."""
    body = decode(EDIT, await read_body(request))
    value: Any = body.value if isinstance(body.value, str) else msgspec.to_builtins(body.value)

    def act(connection: Connection) -> dict[str, Any]:
        facts = facts_of(connection, current(connection, guidance))
        kept = edits.record(
            connection, facts, body.attribute, edits.given_of(value), why=body.why, by=editor, now=desk.now()
        )
        return edit_shown(kept)

    return json_response({"guidance": guidance, "edit": await desk.write(act)}, 201)


@router.get("/guidance/{guidance}/attributes/history")
async def attribute_history(guidance: str, desk: DeskDep, _reader: Reader) -> Response:
    """Every edit, oldest first: who, when, why, what it replaced."""
    found = await desk.read(lambda connection: edits.history(connection, guidance))
    return json_response({"guidance": guidance, "edits": [edit_shown(one) for one in found]})


@router.get("/guidance/{guidance}/risks")
async def risks(guidance: str, desk: DeskDep, _reader: PublicReader, release: Release = "") -> Response:
    """The risk register, what stands behind each control, and what is watched."""
    now = desk.now()
    found = await desk.read(lambda connection: about_release(connection, guidance, release, now))
    monitors = [
        {"monitor": one.monitor, "what": one.what, "seen_by": one.seen_by, "limit": one.limit}
        for one in found.register.monitors
    ]
    return json_response(
        {
            "guidance": guidance,
            "release": found.facts.release,
            "check": check_shown(found.checks[1]),
            "risks": [line.shown for line in found.register.lines],
            "monitors": monitors,
        }
    )


@router.get("/guidance/{guidance}/model-card")
async def model_card(
    guidance: str,
    desk: DeskDep,
    _reader: PublicReader,
    release: Release = "",
    format: Card = "xml",  # noqa: A002
) -> Response:
    """The applied model card of the Coalition for Health AI, v0.2, as XML or Markdown."""
    now = desk.now()
    card = card_of(await desk.read(lambda connection: about_release(connection, guidance, release, now)))
    if format == "markdown":
        return Response(card_markdown(card), media_type="text/markdown")
    return Response(card_xml(card), media_type="application/xml")


@router.get("/guidance/{guidance}/tripod")
async def tripod(guidance: str, desk: DeskDep, _reader: PublicReader, release: Release = "") -> Response:
    """The 27 items of TRIPOD+AI: where each is answered, and whether this release's evidence does."""
    now = desk.now()
    found = await desk.read(lambda connection: about_release(connection, guidance, release, now))
    pack = found.facts.packs.get("training")
    return json_response(
        {
            "guidance": guidance,
            "release": found.facts.release,
            "evidence": None if pack is None else pack.digest,
            "items": tripod_summary(pack),
        }
    )


@router.get("/guidance/{guidance}/bibliography")
async def bibliography(guidance: str, desk: DeskDep, _reader: PublicReader, release: Release = "") -> Response:
    """The citations of the guidance as BibTeX."""
    now = desk.now()
    found = await desk.read(lambda connection: about_release(connection, guidance, release, now))
    return Response(bibtex(found.facts.guidance.about.citations), media_type="application/x-bibtex")
