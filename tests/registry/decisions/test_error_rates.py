"""A group outside its limit is no silent pass: the reviewer sees the figure on the ballot, and without an answer to it nothing moves."""

from __future__ import annotations

import json

import pytest

from services.guidance.ready import read_definition
from services.guidance.release import ReleaseBundle
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.people.browsing import signed_in

pytestmark = pytest.mark.anyio
NAME = "groups/age/error-rates"
FIGURE = "of 100 with the event 13 (5 to 20) are flagged, agreed at least 25; 13 of 100 if each of its risks is right"


def leaving_it_to_people() -> ReleaseBundle:
    """The small release, whose text leaves error rates to the committee."""
    files = dict(samples.release().files)
    files["guidance.yaml"] += b"\nevidence:\n  error_rates: committee\n"
    return ReleaseBundle(guidance="small", version="1.0.0", files=files)


async def test_the_ballot_shows_the_figure_and_the_step_waits_for_an_answer_with_a_plan(house: House) -> None:
    """Everybody agrees, and it stays silent; the equity reviewer accepts by that name, with a plan, and it moves."""
    bundle = leaving_it_to_people()
    young = samples.group("age", "18 to 44", by_its_risks={"sensitivity": 0.13}, sensitivity=(0.05, 0.2))
    told = json.loads(samples.groups(bundle.digest, young))
    told["limits"] = read_definition(bundle).evidence.model_dump(mode="json")
    files = {"evidence.json": json.dumps(told).encode()}
    packs = samples.training_pack(bundle.digest, files=files), samples.silent_pack(bundle.digest)
    proposed = await house.propose(bundle, evidence=packs)
    await house.climb(proposed, "silent")
    assert await house.agree(proposed, "pilot", but=("Cleo Equity",)) == "silent"
    step = (await house.as_("Kim Auditor").proposal(proposed.proposal))["steps"][0]
    assert step["failed_checks"] == [NAME]
    form = await (await signed_in(house, "Cleo Equity")).open(f"/console/review/{proposed.proposal}/pilot")
    assert f'name="accepts" value="{NAME}"' in form.text
    assert FIGURE in form.text
    assert "OUTSIDE the limit agreed before the data" in form.text
    with pytest.raises(BadInput, match="accepting it needs a plan"):
        await house.agree(proposed, "pilot", accepts=(NAME,))
    assert await house.agree(proposed, "pilot") == "silent"  # agreed, and nothing said to it
    cleo, known = house.as_("Cleo Equity"), await house.as_("Kim Auditor").proposal(proposed.proposal)
    await cleo.vote(
        proposed.proposal, transition="pilot", role="equity-reviewer", vote="approve", release=proposed.release,
        evidence=[*(one["evidence"] for one in known["evidence"]), known["trial"]["digest"]],
        reason="fewer of the young come back, so fewer are flagged", accepts=[NAME],
        plans={NAME: "The same figure after 400 stays, by me."},
    )  # fmt: skip
    assert (await house.as_("Kim Auditor").proposal(proposed.proposal))["state"] == "pilot"
