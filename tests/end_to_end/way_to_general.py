"""Everyone whose role a step needs reads, answers for what cannot be told, and votes; and the evidence that only time brings.

The silent counts and the trial are made up, as small as a demonstration's; the training evidence is not.
"""

from __future__ import annotations

from typing import Any, Literal

from statsmodels.stats.proportion import confint_proportions_2indep

from services.guidance.alert_evidence import Alerts
from services.guidance.estimate import Estimate
from services.guidance.evidence import SILENT_FILE, Calibration, SilentMonth, Skew, encode_report
from services.guidance.lifecycle import State
from services.guidance.release import EvidencePack
from services.guidance.trial_evidence import TRIAL_FILE, Effect, Harm, Tally, TrialReport
from services.plumbing.registry_messages import Acknowledgement, Aggregate, Proposed
from tests.registry.conftest import VOTERS, House
from tests.registry.samples import bedside

GUIDANCE = "readmission-30d"


def silent_pack(release: str, *, budget: float) -> EvidencePack:
    """A silent period of 200 discharges, 20 of which were followed by a readmission."""
    month = SilentMonth(
        guidance=GUIDANCE, release=release, since="2026-06-03T00:00:00Z", until="2026-07-03T00:00:00Z",
        decisions=200, matured=190, events=20,
        calibration=Calibration(observed=20, expected=19.2, o_e=Estimate(value=1.04, ci=(0.67, 1.61))),
        alert_rate=Estimate(value=0.12, ci=(0.08, 0.17)), alert_budget=budget, skew=Skew(compared=9000, different=0),
        unknown_share=0.05, bedside=bedside(200), alerts=Alerts(stays=24, patients=23, right=7, ppv=Estimate(value=0.29, ci=(0.15, 0.49))),
    )  # fmt: skip
    return EvidencePack(evidence="silent", release=release, files={SILENT_FILE: encode_report(month)})


def trial_pack(release: str, trial: str) -> EvidencePack:
    """A trial of 120 patients in which fewer came back where the card was shown, and as many died."""
    report = TrialReport(
        guidance=GUIDANCE, release=release, trial=trial, unit="patient", since="2026-08-01T00:00:00Z",
        until="2026-12-01T00:00:00Z", planned_units=120, primary=_effect("came back within 30 days", 6, 18),
        harms=(Harm(effect=_effect("died within 30 days", 1, 1), at_most=0.2),),
    )  # fmt: skip
    return EvidencePack(evidence="trial", release=release, files={TRIAL_FILE: encode_report(report)})


def _effect(outcome: str, shown: int, withheld: int) -> Effect:
    low, high = confint_proportions_2indep(shown, 60, withheld, 60, method="newcomb")
    return Effect(
        outcome=outcome, wanted="fewer", method="difference of shares, Newcombe",
        arms=(
            Tally(arm="show", shows=True, units=60, followed=60, events=shown),
            Tally(arm="withheld", shows=False, units=60, followed=60, events=withheld),
        ),
        difference=Estimate(value=(shown - withheld) / 60, ci=(float(low), float(high))),
    )  # fmt: skip


async def step_to(house: House, proposed: Proposed, to: State, *, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Everybody whose role is needed votes, and accepts what that role may, but for `but`; answers the standing before and after."""
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    step = next(one for one in known["steps"] if one["to"] == to)
    answer: dict[str, Any] = {"state": known["state"], "decision": step}
    for role in step["missing_roles"]:
        mine = [one for one in step["checks"] if one["verdict"] == "cannot tell" and role in one["accepted_by"]]
        accepted = [one for one in mine if one["name"] not in but]
        answer = await house.as_(VOTERS[role]).vote(
            proposed.proposal, transition=to, role=role, vote="approve", release=proposed.release,
            evidence=[
                *(one["evidence"] for one in known["evidence"]),
                *([known["trial"]["digest"]] if known["trial"] else []),
            ],
            reason="Read; what cannot be told is accepted for so small a hospital.",
            accepts=[one["name"] for one in accepted],
            plans={one["name"]: "The same groups again after the trial, by the equity reviewer." for one in accepted if one["asks_plan"]},
        )  # fmt: skip
    return {"before": step, "after": answer["decision"], "state": answer["state"]}


async def heard_and_counted(house: House, proposed: Proposed, stage: Literal["silent", "pilot", "general"]) -> None:
    """A worker of the bedside says that it is in the stage, and calls of today are reported."""
    cds, now = house.as_("cds"), house.clock()
    head = (await cds.manifests()).head
    said = Acknowledgement(
        worker="w1", deployment="d", guidance=GUIDANCE, release=proposed.release, stage=stage, ledger_number=head.number,
        at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
    )  # fmt: skip
    await cds.acknowledge([said])
    counts = Aggregate(
        guidance=GUIDANCE, release=proposed.release, site="a", day=f"{now:%Y-%m-%d}", counts={"calls": 30, "shown": 4}
    )
    await cds.report([counts])
