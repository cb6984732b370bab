"""What the registry knows of a proposal besides its evidence, gathered for the gate from its own tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from services.guidance.evidence import Kind
from services.guidance.lifecycle import RUNNING, State
from services.guidance.policies import Policy
from services.guidance.release import EvidencePack
from services.guidance.transparency.disclosed import disclose
from services.registry.decisions import conditions, origins, questions, reviews, rollbacks, trials
from services.registry.decisions.gate_facts import Surroundings, Told, Watch
from services.registry.decisions.proposals import Proposal
from services.registry.deployed import feed
from services.registry.transparency import edits
from services.registry.transparency.about import facts_of


def surroundings_of(
    connection: Connection,
    proposal: Proposal,
    to: State,
    *,
    packs: Mapping[Kind, EvidencePack],
    policy: Policy,
    now: datetime,
) -> Surroundings:
    """Everything that is filed, declared, open or reported about a proposal, for one step."""
    kept = conditions.of_proposal(connection, proposal.id)
    asked = questions.of_proposal(connection, proposal.id)
    return Surroundings(
        trial=trials.filed_last(connection, proposal.id),
        trials=trials.filed(connection, proposal.id),
        rollback=rollbacks.declared(connection, proposal),
        watch=_watch(connection, proposal, policy, now),
        conditions=tuple(conditions.in_the_way(kept, to=to, round_=proposal.round)),
        questions=tuple(one for one in asked if one.blocking and one.is_open),
        origin=origins.of_release(connection, proposal.release),
        foreign=origins.foreign(connection, proposal.release),
        state=proposal.state,
        review_overdue=proposal.review_by if reviews.blocks(connection, proposal, policy, now) else "",
        told=_told(connection, proposal, to, packs, now) if to in RUNNING else None,
    )


def _told(
    connection: Connection, proposal: Proposal, to: State, packs: Mapping[Kind, EvidencePack], now: datetime
) -> Told:
    facts = facts_of(connection, proposal, packs)
    if to != "general":
        return Told(facts=facts, attributes={})
    return Told(facts=facts, attributes=disclose(facts, edits=edits.in_force(connection, proposal.guidance), now=now))


def _watch(connection: Connection, proposal: Proposal, policy: Policy, now: datetime) -> Watch:
    if proposal.state not in RUNNING:
        return Watch()
    since = f"{now - timedelta(days=policy.report_days):%Y-%m-%d}"
    days: Mapping[str, int] = feed.calls_by_day(connection, proposal.guidance, proposal.release)
    here: set[str] = set()
    elsewhere: set[str] = set()
    for worker in feed.workers(connection, proposal.guidance):
        name = f"{worker['reporter']}/{worker['worker']}"
        has_it = (worker["release"], worker["stage"]) == (proposal.release, proposal.state)
        if has_it:
            here.add(name)
        elif worker["at"] >= proposal.changed_at:
            # One that has said nothing since the step is gone, or its lease is over: it shows nothing.
            elsewhere.add(name)
    return Watch(
        here=tuple(sorted(here)),
        elsewhere=tuple(sorted(elsewhere - here)),
        last_day=max(days, default=""),
        calls=sum(count for day, count in days.items() if day >= since),
        since=since,
    )
