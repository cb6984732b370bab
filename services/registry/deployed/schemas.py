"""What the routes of this room take and give, as types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from services.guidance.manifest import EVERYWHERE, policy_digest
from services.registry.deployed.deployments import Deployment
from services.registry.deployed.overlays import Overlay
from services.registry.deployed.placing import Placement
from services.registry.deployed.reasons import Due
from services.registry.deployed.workers import Confirmation, Worker
from services.registry.tables import instant_text

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]


class GoneBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /workers/gone`."""

    worker: _Short


class DeployBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /deployments`. `share` in percent; times in RFC 3339 with their zone."""

    guidance: _Short
    release: _Short
    sites: tuple[_Short, ...] = (EVERYWHERE,)
    tenants: tuple[_Short, ...] = (EVERYWHERE,)
    hooks: list[_Short] = []
    stage: str = ""
    share: Annotated[float, msgspec.Meta(gt=0, le=100)] = 100.0
    starts_at: _Time | None = None
    ends_at: _Time | None = None
    fallback: _Short | None = None

    def placement(self) -> Placement:
        """What is decided."""
        return Placement(
            sites=self.sites, tenants=self.tenants, hooks=self.hooks, stage=self.stage, share=round(self.share * 100),
            starts_at=self.starts_at, ends_at=self.ends_at, fallback=self.fallback,
        )  # fmt: skip


DEPLOY: Final = msgspec.json.Decoder(DeployBody)


class ReasonBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /deployments/{guidance}/reason`."""

    reason: str


REASON: Final = msgspec.json.Decoder(ReasonBody)
OVERLAY: Final = msgspec.json.Decoder(dict[str, Any])
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


def deployment_shown(one: Deployment) -> dict[str, Any]:
    """One deployment in a list."""
    return {
        "deployment": one.id,
        "guidance": one.guidance,
        "release": one.release,
        "stage": one.stage,
        "sites": list(one.sites),
        "tenants": list(one.tenants),
        "hooks": list(one.hooks),
        "share": one.share / 100,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "fallback": one.fallback,
        "decided_by": one.decided_by,
        "replaced_by": one.replaced_by,
        "policy": one.policy,
        "policy_digest": policy_digest(one.policy, one.overlay),
        "changed_at": one.changed_at,
        "changed_by": one.changed_by,
        "ledger": one.changed_in,
    }


def overlay_shown(found: Overlay) -> dict[str, Any]:
    """`GET /overlays/{guidance}`."""
    return {"guidance": found.guidance, "overlay": dict(found.overlay), "policy_digests": dict(found.digests)}


def due_shown(one: Due) -> dict[str, Any]:
    """A stop that owes its reason."""
    return {
        "guidance": one.guidance,
        "release": one.release,
        "by": one.by,
        "at": instant_text(one.at),
        "due_at": instant_text(one.due_at),
        "late": one.is_late,
    }


def _worker_shown(worker: Worker) -> dict[str, Any]:
    return {
        "worker": worker.worker,
        "reporter": worker.reporter,
        "heard_at": instant_text(worker.heard_at),
        "may_speak_until": instant_text(worker.may_speak_until),
        "confirmed_at": instant_text(worker.confirmed_at) if worker.confirmed_at is not None else None,
    }
