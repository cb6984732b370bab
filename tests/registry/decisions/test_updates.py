"""An update within the plan that everybody agreed to takes two people; whatever lies outside takes everybody again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.guidance.release import ReleaseBundle, canonical_json
from services.plumbing.database import writing
from services.plumbing.registry_messages import Proposed
from tests.guidance.test_within_plan import PLAN
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.decisions.test_lapses_and_reviews import agreed, as_

pytestmark = pytest.mark.anyio
LATER = {"Ann Clinical": "clinical-reviewer", "Ben Data": "data-science-reviewer", "Cleo Equity": "equity-reviewer"}


def bundle(shift: float, *, version: str, text: tuple[str, str] = ("", "")) -> ReleaseBundle:
    """A release of the small guidance with a change plan; `text`: something of it replaced."""
    made = samples.release(shift)
    said = made.files["guidance.yaml"].decode().replace("version: 1.0.0", f"version: {version}", 1)
    said = (said + PLAN.format(allows="refit", thresholds="")).replace(*text)
    return ReleaseBundle(guidance="small", version=version, files={**made.files, "guidance.yaml": said.encode()})


async def parent(house: House) -> Proposed:
    """A release in general use by the full quorum; its gates are tested elsewhere."""
    made = bundle(0.0, version="1.0.0")
    proposed = await house.propose(made)
    desk = house.app.state.desk
    with writing(desk.engine) as connection:
        for to in ("development", "silent", "pilot", "general"):
            agreed(connection, proposed.proposal, to, desk.policy, house.clock())
    return proposed


async def update(house: House, made: ReleaseBundle, *, against: str, low: float = -0.01) -> Proposed:
    """A release in silence, compared with another."""
    told = msgspec.json.decode(samples.groups(made.digest))
    rival = {"kind": "incumbent", "gain": {"value": low + 0.02, "ci": [low, low + 0.04]}}
    told["predictions"]["risk"]["looks"]["rivals"] = [rival]
    compared = {"evidence.json": canonical_json({**told, "against": against})}
    evidence = (samples.training_pack(made.digest, files=compared), samples.silent_pack(made.digest))
    proposed = await house.propose(made, evidence=evidence)
    await house.climb(proposed, "silent")
    await house.make_ready(proposed)
    return proposed


async def say(house: House, proposed: Proposed, who: str, choice: Any = "approve") -> str:
    """One vote on the step to pilot; the state."""
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    answer = await house.as_(who).vote(
        proposed.proposal, transition="pilot", role=LATER[who], vote=choice, release=proposed.release, reason="read",
        evidence=[*(one["evidence"] for one in known["evidence"]), known["trial"]["digest"]],
    )  # fmt: skip
    return str(answer["state"])


async def step(house: House, proposed: Proposed) -> dict[str, Any]:
    """The step to pilot as the auditor reads it."""
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    return next(one for one in known["steps"] if one["to"] == "pilot")


async def test_an_update_within_the_plan_takes_a_clinician_and_one_who_looks_at_numbers(house: House) -> None:
    """The ledger keeps which quorum it was and why, bound to the plan and the release that it came with."""
    first = await parent(house)
    second = await update(house, bundle(0.1, version="1.0.1"), against=first.release)
    before = await step(house, second)
    assert before["quorum"]["kind"] == "reduced", before["quorum"]
    assert (before["needed_roles"], before["one_of"]) == (
        ["clinical-reviewer", "data-science-reviewer", "equity-reviewer"], ["data-science-reviewer", "equity-reviewer"],
    )  # fmt: skip
    page = (await house.http.get(f"/console/review/{second.proposal}/pilot", headers=as_(house, "Ann Clinical"))).text
    assert "Fewer people must agree" in page
    assert "What its change plan asks of an update" in page
    assert await say(house, second, "Ben Data") == "silent"
    assert (await step(house, second))["missing_roles"] == ["clinical-reviewer"]
    assert await say(house, second, "Ann Clinical") == "pilot"
    moved = next(
        one for one in reversed((await house.as_("Kim Auditor").ledger())["entries"]) if one["action"] == "moved"
    )
    quorum = moved["detail"]["quorum"]
    assert (quorum["kind"], quorum["parent"], quorum["plan"]) == ("reduced", first.release, before["quorum"]["plan"])
    assert quorum["why"].startswith("within the change plan that the full quorum agreed to")
    assert set(moved["detail"]["agreed"]) == {"clinical-reviewer", "data-science-reviewer"}


async def test_any_no_of_the_full_quorum_holds_an_update_too(house: House) -> None:
    """Fewer must say yes; nobody loses their no."""
    first = await parent(house)
    second = await update(house, bundle(0.1, version="1.0.1"), against=first.release)
    assert await say(house, second, "Cleo Equity", "reject") == "silent"
    await say(house, second, "Ben Data")
    assert await say(house, second, "Ann Clinical") == "silent"
    assert await say(house, second, "Cleo Equity", "withdraw") == "pilot"


@pytest.mark.parametrize(
    ("made", "low", "why"),
    [
        (
            bundle(0.1, version="1.1.0", text=("window: {days: 7}", "window: {days: 14}")),
            -0.01,
            "text: features differ",
        ),
        (bundle(0.1, version="1.0.1"), -0.03, "comparison: risk"),
        (bundle(0.1, version="1.0.1", text=("updates_per_year: 2", "updates_per_year: 9")), -0.01, "plan: another one"),
    ],
)
async def test_outside_the_plan_everybody_must_agree_and_the_line_is_named(
    house: House, made: ReleaseBundle, low: float, why: str
) -> None:
    """Two do not suffice; the four of the table do."""
    first = await parent(house)
    second = await update(house, made, against=first.release, low=low)
    for who in ("Ann Clinical", "Ben Data"):
        assert await say(house, second, who) == "silent"
    found = await step(house, second)
    assert (found["quorum"]["kind"], found["one_of"]) == ("full", [])
    assert why in found["quorum"]["why"]
    assert found["missing_roles"] == ["equity-reviewer", "privacy-security"]
    assert await house.agree(second, "pilot") == "pilot"


async def test_more_updates_than_the_plan_allows_in_a_year_take_everybody(house: House) -> None:
    """Two a year: the third needs the full quorum, and says so; a year later two people are enough again."""
    first = await parent(house)
    for number in (1, 2):
        one = await update(house, bundle(number / 10, version=f"1.0.{number}"), against=first.release)
        await say(house, one, "Ann Clinical")
        assert await say(house, one, "Cleo Equity") == "pilot"
    third = await update(house, bundle(0.3, version="1.0.3"), against=first.release)
    found = (await step(house, third))["quorum"]
    assert found["kind"] == "full"
    assert "updates: 2 before this one" in found["why"]
    house.clock.pass_time(days=366)
    assert (await step(house, third))["quorum"]["kind"] == "reduced"


async def test_what_was_stopped_by_a_person_lets_no_update_through(house: House) -> None:
    """Nor does a release that the full quorum never let into general use."""
    first = await parent(house)
    second = await update(house, bundle(0.1, version="1.0.1"), against=first.release)
    assert (await step(house, second))["quorum"]["kind"] == "reduced"
    await house.as_("Ida Safety").suspend("small", release=first.release)
    found = (await step(house, second))["quorum"]
    assert (found["kind"], found["why"]) == (
        "full", "no release of it was let into general use by the full quorum and may go on there",
    )  # fmt: skip
    assert await say(house, second, "Ann Clinical") == "silent"
    assert await say(house, second, "Ben Data") == "silent"
