"""What the routes of this room take and give, as types."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from services.registry.deployed.workers import Confirmation, Worker
from services.registry.tables import instant_text

_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]


class GoneBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /workers/gone`."""

    worker: _Short


GONE: Final = msgspec.json.Decoder(GoneBody)


def confirmation_shown(found: Confirmation) -> dict[str, Any]:
    """`GET /deployments/{guidance}/confirmation`."""
    return {
        "guidance": found.guidance,
        "runs": found.runs,
        "changed_at": instant_text(found.changed_at),
        "ledger": found.ledger,
        "confirmed": len(found.workers) - len(found.missing),
        "of": len(found.workers),
        "complete": found.is_complete,
        "workers": [_worker_shown(one) for one in found.workers],
    }


def _worker_shown(worker: Worker) -> dict[str, Any]:
    return {
        "worker": worker.worker,
        "reporter": worker.reporter,
        "heard_at": instant_text(worker.heard_at),
        "may_speak_until": instant_text(worker.may_speak_until),
        "confirmed_at": instant_text(worker.confirmed_at) if worker.confirmed_at is not None else None,
    }
