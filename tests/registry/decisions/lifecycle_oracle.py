"""The rules of the committee a second time, in other words and from the design alone: what the machine is held against.

Nothing of `services` decides here. A word is a plain record; the answer is yes or no.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

FLOOR: dict[str, set[str]] = {
    "development": {"data-steward", "operations"},
    "silent": {"clinical-reviewer", "data-science-reviewer"},
    "pilot": {"clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security"},
    "general": {
        "clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security", "operations",
        "patient-representative",
    },
    "retired": {"clinical-reviewer", "operations"},
}  # fmt: skip
MORE: dict[str, set[str]] = {"pilot": {"operations"}, "general": {"statistician"}}
"""What the standard policy adds where the risk is high."""
PLANNED = {("silent", "pilot"), ("pilot", "general")}
"""Steps that a clinician and one who looks at the numbers or at fairness may take, where a change plan allows the update."""
LADDER = ["registered", "development", "silent", "pilot", "general"]
READS: dict[str, set[str]] = {
    "silent": {"training"}, "pilot": {"training", "silent"}, "general": {"training", "silent", "trial"},
}  # fmt: skip
NO_VOICE = {"model-developer", "administrator", "auditor", "safety-officer"}
MAY_STOP = {
    "clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security", "operations",
    "patient-representative", "safety-officer",
}  # fmt: skip


@dataclass
class Human:
    """Somebody, or a service, as they are now."""

    roles: set[str]
    active: bool = True
    service: bool = False


@dataclass
class Word:
    """What was said, by whom, when, on what."""

    who: str
    role: str
    said: str
    to: str
    round: int
    at: datetime
    ends: datetime
    read: set[str]
    accepts: set[str]
    plans: set[str]
    conflict: bool


@dataclass
class Fact:
    """One check of the gate, as it is now."""

    verdict: str
    by: set[str]
    plan: bool = False


@dataclass
class Book:
    """Everything that happened to one release."""

    high: bool
    state: str = "registered"
    stopped_at: str = ""
    round: int = 0
    authors: set[str] = field(default_factory=set)
    evidence: dict[str, str] = field(default_factory=dict)
    trial: str = ""
    people: dict[str, Human] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    facts: dict[str, Fact] = field(default_factory=dict)
    within_plan: bool = False

    def needed(self, to: str) -> set[str]:
        """The roles of a step."""
        return FLOOR[to] | (MORE.get(to, set()) if self.high else set())

    def is_step(self, to: str) -> bool:
        """Whether the ladder has it."""
        if self.state == "retired":
            return False
        if to == "retired":
            return True
        if to == self.state:
            return to in LADDER[2:]  # a review: it goes on
        if self.state == "suspended":
            return to in LADDER[2:] and LADDER.index(to) <= LADDER.index(self.stopped_at)
        return to in LADDER and self.state in LADDER[:-1] and LADDER.index(to) == LADDER.index(self.state) + 1

    def has_voice(self, who: str, role: str) -> bool:
        """Whether this person speaks in that role now."""
        human = self.people[who]
        conflicted = any(word.who == who and word.conflict for word in self.words)
        if human.service or not human.active or human.roles & NO_VOICE:
            return False
        return role in human.roles and who not in self.authors and not conflicted

    def has_read(self, word: Word) -> bool:
        """Whether an approval names what its step asks for."""
        kinds = {self.evidence[digest] for digest in word.read if digest in self.evidence}
        trial = not self.trial or word.to not in ("pilot", "general") or self.trial in word.read
        return READS.get(word.to, set()) <= kinds and trial

    def allows(self, to: str, now: datetime) -> bool:
        """Whether the step may be taken now."""
        if not self.is_step(to):
            return False
        last: dict[str, Word] = {}
        for word in self.words:
            good = not word.said.startswith("approve") or self.has_read(word)
            if (word.to, word.round) == (to, self.round) and self.has_voice(word.who, word.role) and good:
                last[word.who] = word
        approvals = [word for word in last.values() if word.said.startswith("approve") and now < word.ends]
        against = [word for word in last.values() if word.said in ("reject", "not-enough-evidence")]
        if not self.is_enough(to, {word.role for word in approvals}):
            return False
        if any(word.role in self.needed(to) for word in against):
            return False
        return all(self._holds(name, fact, approvals) for name, fact in self.facts.items())

    def is_enough(self, to: str, yes: set[str]) -> bool:
        """Whether these roles suffice if they agree."""
        if self.within_plan and (self.state, to) in PLANNED:
            return "clinical-reviewer" in yes and not yes.isdisjoint({"data-science-reviewer", "equity-reviewer"})
        return self.needed(to) <= yes

    def _holds(self, name: str, fact: Fact, approvals: list[Word]) -> bool:
        if fact.verdict != "cannot tell":
            return fact.verdict == "meets"
        takers = [word for word in approvals if name in word.accepts and word.role in fact.by]
        return any(not fact.plan or name in word.plans for word in takers)
