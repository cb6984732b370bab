"""The demo's committee holds every role that the steps to pilot need, and no gate gives way to it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from services.demo.committee import AUTHOR, SAFETY_OFFICER, VOTERS, Committee, _reason
from services.guidance.errors import Refused
from services.guidance.lifecycle import ENTRY, MAY_STOP, NEVER_VOTE
from services.plumbing.registry_client import RegistryClient

pytestmark = pytest.mark.anyio


class FakeRegistry:
    """A registry with one proposal whose gate to pilot says what the test wants."""

    def __init__(self, verdict: str) -> None:
        self.verdict = verdict
        self.votes: list[dict[str, Any]] = []

    async def proposal(self, _proposal: str) -> dict[str, Any]:
        """The proposal as the registry shows it."""
        return {
            "release": "sha256:1",
            "state": "silent",
            "evidence": [{"evidence": "sha256:2"}, {"evidence": "sha256:3"}],
            "trial": {"digest": "sha256:4"},
            "steps": [self._standing()],
        }

    async def vote(self, _proposal: str, **ballot: Any) -> dict[str, Any]:
        """Keep the vote; the step passes with the last role."""
        self.votes.append(ballot)
        return {"state": "silent", "decision": self._standing()}

    def _standing(self) -> dict[str, Any]:
        voted = [ballot["role"] for ballot in self.votes]
        missing = [role for role in sorted(ENTRY["pilot"].roles) if role not in voted]
        accepted = any("calibration" in ballot["accepts"] for ballot in self.votes)
        check = {
            "name": "calibration", "asked": "O/E", "found": "1.3 (0.9 to 1.8)", "verdict": self.verdict,
            "accepted_by": ["data-science-reviewer"], "asks_plan": True,
        }  # fmt: skip
        return {
            "to": "pilot", "missing_roles": missing, "checks": [check], "agreed": {role: role for role in voted},
            "failed_checks": [] if accepted else ["calibration"],
            "passes": not missing and (accepted or self.verdict == "meets"),
        }  # fmt: skip


def _committee(registry: FakeRegistry) -> Committee:
    client = cast("RegistryClient", registry)
    return Committee({member.name: client for member in (*VOTERS, AUTHOR, SAFETY_OFFICER)})


def test_every_role_up_to_pilot_has_one_holder_who_may_vote() -> None:
    """Five persons, each role held once, nobody in a role that never votes, the author not among them."""
    assert len(VOTERS) == 5
    held = [role for member in VOTERS for role in member.roles]
    assert len(held) == len(set(held))
    assert set(held) >= ENTRY["development"].roles | ENTRY["silent"].roles | ENTRY["pilot"].roles
    assert not set(held) & NEVER_VOTE.keys()
    assert AUTHOR not in VOTERS
    assert set(SAFETY_OFFICER.roles) <= MAY_STOP


def test_no_step_asks_one_person_twice() -> None:
    """In every step up to pilot the roles fall to different persons."""
    for state in ("development", "silent", "pilot"):
        holders = [next(m.name for m in VOTERS if role in m.roles) for role in ENTRY[state].roles]
        assert len(holders) == len(set(holders))


async def test_votes_name_the_release_and_all_evidence() -> None:
    """Each vote is bound to the release and to every evidence pack filed."""
    registry = FakeRegistry("meets")
    step = await _committee(registry).move("p", "pilot")
    assert {vote["role"] for vote in registry.votes} == ENTRY["pilot"].roles
    assert all(vote["evidence"] == ["sha256:2", "sha256:3", "sha256:4"] for vote in registry.votes)
    assert all(vote["release"] == "sha256:1" and vote["accepts"] == [] for vote in registry.votes)
    assert step.doubts == {}


async def test_a_doubt_is_accepted_only_by_the_role_that_may_and_with_a_reason() -> None:
    """What cannot be told is accepted by the data-science reviewer, in words; nobody else touches it."""
    registry = FakeRegistry("cannot tell")
    step = await _committee(registry).move("p", "pilot")
    accepting = [vote for vote in registry.votes if vote["accepts"]]
    assert [vote["role"] for vote in accepting] == ["data-science-reviewer"]
    assert "0.9 to 1.8" in accepting[0]["reason"]
    assert "before general use" in accepting[0]["plans"]["calibration"]
    assert set(step.doubts) == {"calibration"}


async def test_a_failed_check_is_accepted_by_nobody() -> None:
    """Not one vote is cast where a check does not meet its limit."""
    registry = FakeRegistry("does not meet")
    with pytest.raises(Refused, match=r"1\.3"):
        await _committee(registry).move("p", "pilot")
    assert registry.votes == []


async def test_a_step_that_is_not_there_is_refused() -> None:
    """From silent there is no step to general."""
    with pytest.raises(Refused, match="no step from silent to general"):
        await _committee(FakeRegistry("meets")).move("p", "general")


def test_what_is_outside_a_limit_is_answered_for_and_not_called_too_short_a_month() -> None:
    """Two kinds of doubt, two reasons: one that more data will settle, and one that they will not."""
    small = {"name": "groups/race", "found": "1 of 4 cannot be told: Asian"}
    outside = {"name": "groups/age/error-rates", "found": "OUTSIDE the limit agreed before the data: 18 to 44"}
    said = _reason([small, outside])
    assert "a month is too short to tell (groups/race (1 of 4 cannot be told: Asian))" in said
    assert "groups/age/error-rates: outside the limit" in said
    assert "too short" not in _reason([outside])
