"""A site's own thresholds and quiet hours: decided by operations within the change plan, kept in the ledger, signed.

An overlay belongs to a guidance: every release of it that runs carries it, and a new one begins with it. Its digest stands in
the manifest and in every decision made under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, update

from services.guidance.errors import BadManifest, NotFound, NotPermitted
from services.guidance.lifecycle import RUNNING, Person, person_key
from services.guidance.manifest import policy_digest
from services.guidance.overlay import check_within_plan, policy_here
from services.registry.decisions import proposals
from services.registry.deployed.deployments import every, overlay_of
from services.registry.deployed.names import place_name
from services.registry.memory import ledger
from services.registry.tables import deployments, instant_text
from services.timeline.errors import BadInput

MOST_SITES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What holds at which site, and the digest of the policy that it makes; by deployment, since each has its named policy."""

    guidance: str
    overlay: Mapping[str, Any]
    digests: Mapping[str, str]
    """Release → digest, as manifest and decisions name it."""


def show(connection: Connection, guidance: str) -> Overlay:
    """The overlay as it stands; NotFound if nothing of the guidance is deployed."""
    known = every(connection, guidance=guidance)
    if not known:
        raise NotFound("nothing of that name is deployed", place=guidance[:80], remedy="See `knowdo registry list`")
    return Overlay(
        guidance=guidance,
        overlay=overlay_of(connection, guidance),
        digests={one.release: policy_digest(one.policy, one.overlay) for one in known if one.stage in RUNNING},
    )


def put(
    connection: Connection, guidance: str, site: str, part: Mapping[str, Any], *, by: Person, now: datetime
) -> Overlay:
    """Decide what holds at a site (`*`: all); an empty part: what the guidance says. Refused beyond the change plan.

    It must fit every release that runs, so that none is refused by a CDS.
    """
    place_name(site, "site")
    _may(connection, guidance, by)
    before = show(connection, guidance)
    overlay = {name: what for name, what in before.overlay.items() if name != site}
    if part:
        overlay[site] = dict(part)
    if len(overlay) > MOST_SITES:
        raise BadInput(f"more than {MOST_SITES} sites", place="site", remedy="Say what holds everywhere under `*`")
    for one in every(connection, guidance=guidance):
        if one.stage not in RUNNING:
            continue
        definition = proposals.definition_of(connection, one.release)
        check_within_plan(definition, site, part)
        try:
            for place in overlay:
                policy_here(definition, overlay, place)
        except BadManifest as fault:
            raise BadInput(fault.message, place=f"{guidance} at {site}", remedy=fault.remedy) from fault
    entry = ledger.append(
        connection,
        actor=by.name,
        role="operations",
        action="overlay set",
        subject=f"guidance:{guidance}",
        detail={"guidance": guidance, "site": site, "before": before.overlay.get(site, {}), "part": dict(part)},
        now=now,
    )
    connection.execute(
        update(deployments)
        .where(deployments.c.guidance == guidance, deployments.c.stage.in_(RUNNING))
        .values(overlay=overlay, changed_at=instant_text(now), changed_by=by.name, changed_in=entry.number)
    )
    # What stands still comes back with it, and stays stopped by whom and when it was.
    connection.execute(
        update(deployments)
        .where(deployments.c.guidance == guidance, deployments.c.stage.not_in(RUNNING))
        .values(overlay=overlay)
    )
    return show(connection, guidance)


def _may(connection: Connection, guidance: str, by: Person) -> None:
    if not by.is_active or by.is_service or "operations" not in by.roles:
        raise NotPermitted(
            f"{by.name} ({', '.join(sorted(by.roles)) or 'no role'}) may not set a site's policy",
            place="roles",
            remedy="Ask an operations person",
        )
    running = [one for one in proposals.every(connection, guidance=guidance) if one.state in RUNNING]
    if any(person_key(by.name) in {person_key(author) for author in one.authors} for one in running):
        raise NotPermitted("who authored a release sets no threshold of it", place="roles", remedy="Ask a colleague")
