"""Where each guidance stands, one line for each: which release counts, how far it is, whom it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from services.guidance.definition import Guidance
from services.guidance.lifecycle import NEVER_VOTE, SPEAKING, Person, State, Verdict, person_key
from services.guidance.manifest import EVERYWHERE
from services.guidance.policies import Policy
from services.registry.decisions import proposals, reviews, votes
from services.registry.decisions.lapses import lapses_at
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.votes import Standing
from services.registry.deployed import deployments
from services.registry.deployed.deployments import ALL, Deployment
from services.registry.tables import releases

MOST_WEIGHED: Final = 3  # of a guidance: reading the evidence of every release ever made would grow with history
_WEIGHT: Final[Mapping[State, int]] = {
    "general": 6, "pilot": 5, "silent": 4, "suspended": 3, "development": 2, "registered": 1, "retired": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One guidance: its newest releases, the one that counts, and the next step of each that has one."""

    guidance: Guidance
    versions: Mapping[str, str]
    """Release → the version that its text gives itself."""
    counts: Proposal
    """The release that speaks, else the silent one, else what comes nearest to it."""
    deployment: Deployment | None
    proposals: tuple[Proposal, ...]
    steps: tuple[Standing, ...]
    review_blocks: bool
    """Whether the review of the release that counts is overdue beyond grace, and so blocks it."""
    lapsing: Mapping[str, datetime]
    """Release → when its approval lapses, of each that was approved to speak and is not deployed so."""

    @property
    def version(self) -> str:
        """Of the release that counts."""
        return self.versions[self.counts.release]

    @property
    def reaches(self) -> str:
        """`everywhere`, `ward-7, ward-9; 5% of patients`; of a trial the share that sees cards; nobody unless it speaks."""
        if self.deployment is None or not {self.counts.state, self.deployment.stage} <= set(SPEAKING):
            return "nobody"
        sites = self.deployment.sites
        where = "everywhere" if EVERYWHERE in sites else ", ".join(sites)
        if self.deployment.share != ALL:
            where += f"; {self.deployment.share * 100 / ALL:g}% of patients"
        trial = self.deployment.trial
        if trial is None:
            return where
        share = sum(trial.probability_of(arm) for arm in trial.arms if arm.shows)
        return f"{where}; {share:.0%} of {trial.unit}s in the trial"

    @property
    def gate(self) -> tuple[str, Verdict] | None:
        """The verdict of the next gate of the release that counts; the worst of its checks."""
        for standing in self.steps:
            verdicts = {check.verdict for check in standing.checks_of_facts}
            if standing.proposal.id == self.counts.id and verdicts:
                worst = next(one for one in ("does not meet", "cannot tell", "meets") if one in verdicts)
                return standing.decision.to, worst
        return None


def lines(connection: Connection, policy: Policy, now: datetime) -> list[Line]:
    """Every guidance by id; retired ones last."""
    known: dict[str, list[Proposal]] = {}
    for proposal in proposals.every(connection):
        known.setdefault(proposal.guidance, []).append(proposal)
    found = [line_of(connection, some, policy, now) for _, some in sorted(known.items())]
    return sorted(found, key=lambda line: line.counts.state == "retired")


def line_of(connection: Connection, known: list[Proposal], policy: Policy, now: datetime) -> Line:
    """The line of one guidance; `known` are its proposals, the newest first."""
    counts = max(known, key=lambda one: (_WEIGHT[one.state], one.added_at))
    deployed = {one.proposal: one for one in deployments.of_guidance(connection, counts.guidance)}
    weighed = dict.fromkeys([counts.id, *(one.id for one in known[:MOST_WEIGHED])])
    return Line(
        guidance=proposals.definition_of(connection, counts.release),
        versions=_versions(connection, counts.guidance),
        counts=counts,
        deployment=deployed.get(counts.id),
        proposals=tuple(known),
        steps=tuple(
            standing
            for one in known
            if one.id in weighed and (standing := next_step(connection, one, policy, now)) is not None
        ),
        review_blocks=reviews.blocks(connection, counts, policy, now),
        lapsing={
            one.release: at
            for one in known
            if (at := lapses_at(connection, one, deployed.get(one.id), policy)) is not None
        },
    )


def next_step(connection: Connection, proposal: Proposal, policy: Policy, now: datetime) -> Standing | None:
    """The next step that a vote may take, and how far it is; None where only stepping out is left."""
    steps = [to for to in votes.steps_from(proposal.state) if to != "retired"]
    return votes.stand(connection, proposal, steps[0], policy=policy, now=now) if steps else None


def my_role(standing: Standing, person: Person) -> str | None:
    """The role in which this person's vote is still needed on a step; None if none is."""
    decision, authors = standing.decision, {person_key(one) for one in standing.proposal.authors}
    spoken = (*decision.counted, *decision.rejected_by, *decision.unconvinced)
    voted = {person_key(vote.person) for vote in (*spoken, *decision.dissent)}
    me = person_key(person.name)
    if person.is_service or me in voted or me in authors or person.roles & NEVER_VOTE.keys():
        return None
    taken = {vote.role for vote in spoken}
    return next((role for role in decision.unheard(taken) if role in person.roles), None)


def _versions(connection: Connection, guidance: str) -> dict[str, str]:
    rows = connection.execute(select(releases.c.digest, releases.c.version).where(releases.c.guidance == guidance))
    return {row.digest: row.version for row in rows}
