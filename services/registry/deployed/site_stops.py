"""A stop at one site: one person, one call, no vote. Everything of a guidance that shows cards there leaves that site.

Only what was deployed by the names of its sites can leave one of them: what speaks everywhere would have to be told where
it stays, and that is a decision of operations, not a stop.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.lifecycle import SPEAKING, Person, may_stop
from services.guidance.manifest import EVERYWHERE
from services.registry.decisions import proposals
from services.registry.deployed.deployments import Deployment, every, suspend
from services.registry.deployed.names import place_name
from services.registry.deployed.reasons import keep_stop
from services.registry.memory import ledger
from services.registry.tables import deployments, instant_text


def stop_at(connection: Connection, guidance: str, site: str, *, by: Person, reason: str, now: datetime) -> list[str]:
    """Take every speaking release of a guidance off one site; answers their digests, none if nothing spoke there.

    One that spoke nowhere else is suspended. NotPermitted for who may not stop; Refused where one speaks everywhere.
    """
    if not may_stop(by):
        raise NotPermitted(
            f"{by.name} ({', '.join(sorted(by.roles)) or 'no role'}) may not stop guidance",
            place="roles",
            remedy="Ask a reviewer, operations, a patient representative or the safety officer: one is enough",
        )
    place_name(site, "site")
    known = every(connection, guidance=guidance)
    if not known:
        raise NotFound("no guidance of that name is deployed", place=guidance[:80], remedy="See `knowdo registry list`")
    speaking = [one for one in known if one.stage in SPEAKING]
    if site == EVERYWHERE or any(EVERYWHERE in one.sites for one in speaking):
        raise Refused(
            "it speaks everywhere, and no list of sites says where it would stay",
            place="site",
            remedy="Stop it everywhere, or one release of it; or let operations name its sites first",
        )
    here = [one for one in speaking if site in one.sites]
    for one in here:
        number = _leave(connection, one, site, by=by, reason=reason, now=now)
        keep_stop(connection, guidance, one.release, number=number, reason=reason, by=by, now=now)
    return [one.release for one in here]


def _leave(connection: Connection, one: Deployment, site: str, *, by: Person, reason: str, now: datetime) -> int:
    """One release leaves one site; the entry that tells of it."""
    role = ",".join(sorted(by.roles))
    left = [name for name in one.sites if name != site]
    if not left:
        proposal = proposals.must_get(connection, one.proposal)
        return suspend(connection, proposal, by=by, role=role, reason=reason, now=now)
    entry = ledger.append(
        connection,
        actor=by.name,
        role=role,
        action="stopped at a site",
        subject=one.release,
        detail={"proposal": one.proposal, "guidance": one.guidance, "site": site, "left": left, "reason": reason},
        now=now,
    )
    connection.execute(
        update(deployments)
        .where(deployments.c.id == one.id)
        .values(sites=left, changed_at=instant_text(now), changed_by=by.name, changed_in=entry.number)
    )
    return entry.number
