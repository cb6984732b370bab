"""A stop: one person, one call, no vote. All of a guidance, or one release of it.

All: everything of it stands still, and nothing comes back but by quorum. One release: the release that was named when it was
deployed speaks in its stead, if it is still approved; else those that run beside it, or none.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from services.guidance.errors import NotFound, NotPermitted
from services.guidance.lifecycle import RUNNING, SPEAKING, Person, may_stop
from services.registry.decisions import proposals, rollbacks
from services.registry.decisions.proposals import Proposal
from services.registry.deployed.deployments import ALL, Deployment, of_proposal, suspend
from services.registry.deployed.reasons import keep_stop
from services.registry.memory import ledger
from services.registry.tables import deployments, instant_text


def stop(
    connection: Connection, guidance: str, *, by: Person, reason: str, now: datetime, release: str = ""
) -> list[str]:
    """Suspend every running release of a guidance, or only that one; answers their digests, none if all stood still."""
    if not may_stop(by):
        raise NotPermitted(
            f"{by.name} ({', '.join(sorted(by.roles)) or 'no role'}) may not stop guidance",
            place="roles",
            remedy="Ask a reviewer, operations, a patient representative or the safety officer: one is enough",
        )
    known = proposals.every(connection, guidance=guidance)
    if not known or (release and all(one.release != release for one in known)):
        raise NotFound(
            "no guidance of that name is known here" if not known else "it has no such release",
            place=(guidance if not known else release)[:80],
            remedy="See `knowdo registry list`",
        )
    running = [one for one in known if one.state in RUNNING and release in {"", one.release}]
    for proposal in running:
        number = suspend(connection, proposal, by=by, role=_role(by), reason=reason, now=now)
        keep_stop(connection, guidance, proposal.release, number=number, reason=reason, by=by, now=now)
    if not release:
        _forget_replaced(connection, guidance, by=by, now=now)
    elif running:
        _fall_back(connection, running[0], by=by, now=now)
    return [proposal.release for proposal in running]


def is_approved(proposal: Proposal, deployment: Deployment | None) -> bool:
    """Whether a release may speak without a further vote: it does, or another took its place and nobody stopped it."""
    replaced = proposal.state == "suspended" and deployment is not None and deployment.replaced_by is not None
    return proposal.state in SPEAKING or (replaced and proposal.stopped_at in SPEAKING)


def _fall_back(connection: Connection, stopped: Proposal, *, by: Person, now: datetime) -> None:
    """What was agreed on before: the release named when the stopped one was deployed, or declared with it, takes its places."""
    place = of_proposal(connection, stopped.id)
    declared = rollbacks.declared(connection, stopped)
    named = (place.fallback if place is not None else None) or (declared.fallback if declared is not None else None)
    if place is None or named is None or named == rollbacks.NOTHING:
        return
    successor = proposals.by_release(connection, named)
    known = of_proposal(connection, successor.id) if successor is not None else None
    if successor is None or known is None or not is_approved(successor, known) or successor.state in RUNNING:
        return  # one that runs already takes what falls to it
    stage = successor.stopped_at or "silent"
    proposals.change_state(connection, successor, stage, now=now)
    entry = ledger.append(
        connection,
        actor=by.name,
        role=_role(by),
        action="fell back",
        subject=successor.release,
        detail={
            "proposal": successor.id,
            "guidance": successor.guidance,
            "from": successor.state,
            "to": stage,
            "instead_of": stopped.release,
            "decided_in": place.decided_in,
        },
        now=now,
    )
    connection.execute(
        update(deployments)
        .where(deployments.c.proposal == successor.id)
        .values(
            stage=stage,
            sites=list(place.sites),
            hooks=list(place.hooks),
            tenants=list(place.tenants),
            share=ALL,
            starts_at=None,
            ends_at=None,
            replaced_by=None,
            changed_at=instant_text(now),
            changed_by=by.name,
            changed_in=entry.number,
            decided_in=entry.number,
        )
    )


def _forget_replaced(connection: Connection, guidance: str, *, by: Person, now: datetime) -> None:
    """A stop of all is a stop of what was replaced, too: workers are told of it, and it cannot come back unasked."""
    connection.execute(
        update(deployments)
        .where(deployments.c.guidance == guidance, deployments.c.replaced_by.is_not(None))
        .values(
            replaced_by=None,
            changed_at=instant_text(now),
            changed_by=by.name,
            changed_in=ledger.head(connection).number,
        )
    )


def _role(by: Person) -> str:
    return ",".join(sorted(by.roles))
