"""The memory over HTTP: search, notes, cycle times, export. It translates; it decides nothing."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.lifecycle import Person
from services.plumbing.web import decode, json_response, read_body
from services.registry.api import DeskDep, Noter, Reader
from services.registry.decisions.blind import withheld_from
from services.registry.desk import Desk
from services.registry.memory import cycle_times, notes, search
from services.registry.memory.export import export
from services.registry.memory.search import Answer, Found

router: Final = APIRouter()
NDJSON: Final = "application/x-ndjson"


class NoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /memory`."""

    guidance: Annotated[str, msgspec.Meta(max_length=64)]
    kind: notes.NoteKind
    text: Annotated[str, msgspec.Meta(max_length=notes.LONGEST, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
    about: int | None = None
    owner: Annotated[str, msgspec.Meta(max_length=100)] = ""
    review_on: date | None = None


_NOTE: Final = msgspec.json.Decoder(NoteBody)


@router.get("/memory")
async def find(
    desk: DeskDep,
    reader: Reader,
    words: Annotated[str, Query(max_length=search.LONGEST_QUESTION)] = "",
    guidance: Annotated[str, Query(max_length=64)] = "",
    kind: Annotated[str, Query(max_length=16)] = "",
    before: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = search.PAGE,
) -> Response:
    """Search the memory: decisions, dissent, evidence, stops, lessons."""
    answer = await ask(desk, words=words, guidance=guidance, kind=kind, viewer=reader, before=before, limit=limit)
    return json_response(
        {
            "words": list(answer.by),
            "all_words": answer.all_words,
            "before": answer.before,
            "lines": [shown(line) for line in answer.lines],
        }
    )


async def ask(
    desk: Desk,
    *,
    words: str = "",
    guidance: str = "",
    kind: str = "",
    viewer: Person | None = None,
    before: int | None = None,
    limit: int = search.PAGE,
) -> Answer:
    """Search, the index caught up with the ledger first."""
    if not await desk.read(search.is_caught_up):
        await desk.note(search.catch_up)
    return await desk.read(
        lambda connection: search.search(
            connection, words=words, guidance=guidance, kind=kind, viewer=viewer, before=before, limit=limit
        )
    )


@router.post("/memory")
async def add(request: Request, desk: DeskDep, noter: Noter) -> Response:
    """Add an incident, a lesson, a later outcome or a correction."""
    body = decode(_NOTE, await read_body(request))
    head = await desk.write(
        lambda connection: notes.remember(
            connection,
            body.guidance,
            kind=body.kind,
            text=body.text,
            by=noter,
            now=desk.now(),
            about=body.about,
            owner=body.owner,
            review_on=body.review_on,
        )
    )
    return json_response({"number": head.number, "hash": head.hash}, 201)


@router.get("/cycle-times")
async def times(desk: DeskDep, _reader: Reader, guidance: Annotated[str, Query(max_length=64)] = "") -> Response:
    """From data to known effect: each release's moments, and how long each part of the way takes."""

    def read(connection: Connection) -> dict[str, Any]:
        found = cycle_times.cycles(connection, guidance)
        return {
            "releases": [
                {
                    "guidance": one.guidance,
                    "release": one.release,
                    "moments": {name: moment.isoformat() for name, moment in one.moments.items()},
                }
                for one in found
            ],
            "spans": [
                {
                    "from": span.start,
                    "to": span.end,
                    "said": span.said,
                    "releases": span.releases,
                    "median_seconds": span.median.total_seconds() if span.median is not None else None,
                    "longest_seconds": span.longest.total_seconds() if span.longest is not None else None,
                }
                for span in cycle_times.spans(found)
            ],
        }

    return json_response(await desk.read(read))


@router.get("/ledger/export")
async def whole_ledger(desk: DeskDep, reader: Reader) -> Response:
    """The ledger with its signed heads, to be kept elsewhere and verified with the public keys alone.

    To who may still vote on an open step its votes are withheld: there each has its hashes, and is verified by them.
    """

    def read(connection: Connection) -> bytes:
        withheld = withheld_from(connection, reader)
        return b"".join(export(connection, issuer=desk.issuer, withheld=withheld))

    data = await desk.read(read)
    return Response(
        data, media_type=NDJSON, headers={"Content-Disposition": 'attachment; filename="knowdo-ledger.ndjson"'}
    )


def shown(line: Found) -> dict[str, Any]:
    """One line as JSON."""
    return {
        "number": line.number,
        "at": line.at,
        "guidance": line.guidance,
        "kind": line.kind,
        "actor": line.actor,
        "role": line.role,
        "said": line.said,
        "subject": line.subject,
        "evidence": list(line.evidence),
        "hash": line.hash,
    }
