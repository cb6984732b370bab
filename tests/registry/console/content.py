"""A registry with content as a hospital would have it: three guidance in five releases, votes, a stop, counts of a week.

Made by the registry's own use cases. Where this fixture's evidence would not open a gate, the step is taken all the same
(`votes.move`): pages must be seen in every stage.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection

from services.guidance.evidence import EVALUATION_FILE, Estimate, Evaluation, ModelReport, encode_report
from services.guidance.lifecycle import Person, State
from services.guidance.policies import Policy
from services.guidance.ready import read_definition
from services.guidance.release import EvidencePack, ReleaseBundle, canonical_json
from services.guidance.trial import TrialPlan
from services.plumbing.registry_messages import Acknowledgement, Aggregate
from services.registry.decisions import proposals, questions, rollbacks, trials, votes
from services.registry.decisions.proposals import Proposal
from services.registry.decisions.votes import Ballot
from services.registry.deployed import feed, leases, stops, workers
from services.registry.people import persons
from tests.registry import samples

LIBRARY: Final = Path(__file__).resolve().parents[3] / "services" / "guidance" / "library"
NASTY: Final = """<img src=x onerror="document.title='run'">"><script>document.title='run'</script>"""
"""What a person may write into any field of free text."""
REPORT: Final = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evidence</title>
<style>body { color: rgb(1, 2, 3); }</style></head><body><main><h1>What does the evidence say?</h1>
<p>A report as the learner writes it.</p><script>document.title = 'run'</script></main></body></html>"""

Steps = Mapping[str, tuple[list[float], list[float], float]]
READMISSION: Final[Steps] = {
    "age": ([50, 65, 75, 85], [-0.22, -0.06, 0.08, 0.21, 0.3], 0.0),
    "admissions_12m": ([0, 1, 2, 4], [-0.35, 0.1, 0.42, 0.71, 1.02], 0.0),
    "los_days": ([2, 5, 9, 14], [-0.18, -0.02, 0.12, 0.25, 0.38], 0.0),
    "hb_last": ([8.5, 10, 12], [0.52, 0.27, 0.04, -0.12], 0.05),
    "bun_last": ([14, 22, 35], [-0.2, -0.03, 0.21, 0.44], 0.02),
    "na_last": ([130, 135], [0.36, 0.12, -0.06], 0.0),
    "meds_n": ([4, 9, 14], [-0.15, 0.0, 0.14, 0.3], 0.0),
}
READMISSION_NEW: Final[Steps] = {
    **{name: found for name, found in READMISSION.items() if name != "na_last"},
    "hb_last": ([8.5, 9.5, 11, 12.5], [0.74, 0.5, 0.2, 0.0, -0.14], 0.05),
    "egfr_last": ([30, 45, 60], [0.48, 0.22, 0.07, -0.1], 0.04),
}
KIDNEY: Final[Steps] = {
    "age": ([60, 75], [-0.2, 0.1, 0.3], 0.0),
    "egfr_baseline": ([30, 45, 60], [0.9, 0.5, 0.2, -0.2], 0.1),
    "nephrotoxins_n": ([0, 1, 2], [-0.3, 0.2, 0.7, 1.1], 0.0),
}
DIABETES: Final[Steps] = {"age": ([45, 60], [-0.3, 0.1, 0.3], 0.0), "bmi": ([25, 30, 35], [-0.4, 0.1, 0.5, 0.8], 0.0)}


def release(guidance: str, version: str, steps: Steps, change: Mapping[str, str] | None = None) -> ReleaseBundle:
    """A release of a guidance of the library, with a scorecard of these steps; `change` rewrites parts of its text."""
    folder = LIBRARY / guidance
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    text = files["guidance.yaml"].decode().replace("version: 1.0.0", f"version: {version}", 1)
    for old, new in (change or {}).items():
        assert old in text, old
        text = text.replace(old, new, 1)
    names = list(steps)
    model = {
        "kind": "scorecard",
        "inputs": names,
        "intercept": -2.1,
        "steps": [
            {"input": place, "cuts": [float(cut) for cut in cuts], "values": values, "missing": missing}
            for place, (cuts, values, missing) in enumerate(steps.values())
        ],
        "reference": {"name": "stays of two years", "steps": [0.0] * len(names)},
    }
    reference = {"name": "stays of two years", "base_rate": 0.12, "n": 6240, "events": 749, "inputs": {}}
    return ReleaseBundle(
        guidance=guidance,
        version=version,
        files={
            **files,
            "guidance.yaml": text.encode(),
            "model.json": canonical_json(model),
            "reference.json": canonical_json(reference),
        },
    )


def evaluation(bundle: ReleaseBundle, *, auroc: float, brier: float) -> Evaluation:
    """Training evidence of two years; one group short of a site."""
    report = ModelReport(
        auroc=auroc, auroc_ci=(auroc - 0.018, auroc + 0.017), auprc=0.34, brier=brier, brier_ci=(brier - 0.004, brier + 0.004),
        calibration_intercept=Estimate(value=0.01, ci=(-0.07, 0.09)), calibration_slope=Estimate(value=0.98, ci=(0.9, 1.06)),
    )  # fmt: skip
    simple = ModelReport(
        auroc=auroc - 0.03, auroc_ci=(auroc - 0.05, auroc - 0.01), auprc=0.3, brier=brier + 0.002,
        calibration_intercept=Estimate(value=0.0, ci=(-0.1, 0.1)), calibration_slope=Estimate(value=1.0, ci=(0.91, 1.09)),
    )  # fmt: skip
    return samples.evaluation(
        bundle.digest, guidance=bundle.guidance, rows=6240, events=749, patients=4810,
        models={"scorecard": report, "logistic": simple},
    )  # fmt: skip


def packs_of(bundle: ReleaseBundle, *, auroc: float, brier: float, budget: float) -> list[EvidencePack]:
    """Training evidence with a report to open, and a silent month."""
    digest = bundle.digest
    found = evaluation(bundle, auroc=auroc, brier=brier)
    told = samples.training_pack(digest).files
    groups = json.loads(told["evidence.json"])
    groups["limits"] = read_definition(bundle).evidence.model_dump(mode="json")
    files = {
        **told,
        EVALUATION_FILE: encode_report(found),
        "dataset.json": samples.dataset(found),
        "evidence.json": canonical_json(groups),
        "report.html": REPORT,
    }
    training = EvidencePack(evidence="training", release=digest, files=files)
    rate = Estimate(value=budget * 0.6, ci=(budget * 0.55, budget * 0.66))
    silent = samples.silent_pack(digest, guidance=bundle.guidance, alert_budget=budget, alert_rate=rate)
    return [training, silent]


def fill(connection: Connection, policy: Policy, now: datetime, *, nasty: str = NASTY) -> dict[str, str]:
    """Everything; `nasty` stands in every free text. Answers name → token, and beside the people's the digests `new`, `old`, `stopped`, `waiting`, and the proposal `newer`."""
    tokens: dict[str, str] = {}
    people: dict[str, Person] = {}
    for name, roles in samples.TEAM.items():
        added = persons.add_person(connection, name, roles, now=now - timedelta(days=40), by="tests")
        tokens[name], people[name] = added.token, added.person
    bedside = persons.add_person(connection, "cds of the site", ["cds"], now=now, by="tests", is_service=True).person
    learner = persons.add_person(connection, "learner", ["learner"], now=now, by="tests", is_service=True).person

    def offered(bundle: ReleaseBundle, packs: list[EvidencePack], when: datetime, note: str = "") -> Proposal:
        return proposals.propose(
            connection, bundle=bundle, packs=packs, author="Jon Developer", note=note, by=learner, now=when
        )

    def climb(proposal: Proposal, steps: tuple[State, ...], when: datetime) -> None:
        for number, step in enumerate(steps):
            _agree(
                connection,
                proposals.must_get(connection, proposal.id),
                step,
                people,
                policy,
                when + timedelta(days=number),
            )

    old = release("readmission-30d", "1.0.0", READMISSION)
    climb(
        offered(old, packs_of(old, auroc=0.741, brier=0.093, budget=0.2), now - timedelta(days=38)),
        ("development", "silent", "pilot"),
        now - timedelta(days=37),
    )
    new = release(
        "readmission-30d",
        "1.1.0",
        READMISSION_NEW,
        {
            "Offer follow-up within 7 days": "Offer a visit within 7 days",
            "risk >= 2 * base_rate": "risk >= 1.8 * base_rate",
        },
    )
    newer = offered(
        new, packs_of(new, auroc=0.752, brier=0.0915, budget=0.2), now - timedelta(days=9), f"eGFR for sodium {nasty}"
    )
    climb(newer, ("development", "silent"), now - timedelta(days=8))
    plan = msgspec.convert(samples.PLAN, TrialPlan)
    proposals.file_trial(connection, newer, plan, by=people["Jon Developer"], now=now - timedelta(days=3))
    rollbacks.declare(
        connection, newer, fallback="none", reason="staff know the way without it", by=people["Jon Developer"],
        now=now - timedelta(days=3),
    )  # fmt: skip
    _vote(connection, newer.id, "pilot", people["Ann Clinical"], "clinical-reviewer", policy, now - timedelta(days=2))
    _vote(connection, newer.id, "pilot", people["Ben Data"], "data-science-reviewer", policy, now - timedelta(days=1))
    asked = questions.ask(
        connection, newer, text=f"Who calls the patients who were missed? {nasty}", role="equity-reviewer", blocking=False,
        by=people["Cleo Equity"], now=now - timedelta(days=2),
    )  # fmt: skip
    questions.reply(
        connection, newer, asked.number, text=f"The ward's nurse, within 48 hours. {nasty}", by=people["Jon Developer"],
        now=now - timedelta(days=1),
    )  # fmt: skip
    stopped = release("nephrotoxin-aki", "1.0.0", KIDNEY)
    climb(
        offered(stopped, packs_of(stopped, auroc=0.79, brier=0.04, budget=0.05), now - timedelta(days=30)),
        ("development", "silent", "pilot"),
        now - timedelta(days=29),
    )
    waiting = release("diabetes-screening", "1.0.0", DIABETES)
    climb(offered(waiting, [], now - timedelta(days=3)), ("development",), now - timedelta(days=2))
    stops.stop(
        connection, "nephrotoxin-aki", by=people["Ida Safety"], reason=f"potassium unit wrong at site B {nasty}",
        now=now - timedelta(hours=5),
    )  # fmt: skip
    _report(connection, old, stopped, bedside, now)
    workers.heard(connection, "", wait=0, by=bedside, now=now)
    named = {"new": new, "old": old, "stopped": stopped, "waiting": waiting}
    return tokens | {name: bundle.digest for name, bundle in named.items()} | {"newer": newer.id}


def _agree(
    connection: Connection, proposal: Proposal, to: State, people: Mapping[str, Person], policy: Policy, when: datetime
) -> None:
    standing = votes.stand(connection, proposal, to, policy=policy, now=when)
    used: set[str] = set()
    for role in standing.decision.missing_roles:
        person = next(
            one
            for one in people.values()
            if role in one.roles and one.name not in used | {"Jon Developer", "Lea Administrator"}
        )
        used.add(person.name)
        _vote(connection, proposal.id, to, person, role, policy, when)
    now = proposals.must_get(connection, proposal.id)
    if now.state == proposal.state:
        votes.move(
            connection,
            votes.stand(connection, now, to, policy=policy, now=when),
            by=people["Eve Steward"],
            policy=policy,
            now=when,
        )


def _vote(
    connection: Connection, proposal: str, to: State, person: Person, role: str, policy: Policy, when: datetime
) -> None:
    known = proposals.must_get(connection, proposal)
    standing = votes.stand(connection, known, to, policy=policy, now=when)
    doubts = frozenset(one.name for one in standing.checks if one.verdict == "cannot tell" and role in one.accepted_by)
    filed = trials.filed_last(connection, proposal)
    trial = frozenset[str]() if filed is None else frozenset({filed.digest})
    ballot = Ballot(
        transition=to,
        role=role,
        vote="approve",
        release=known.release,
        evidence=frozenset(filed.digest for filed in proposals.filed_for(connection, known.release)) | trial,
        reason=f"read, and fit for {to}",
        accepts=doubts,
    )
    votes.cast(connection, proposal, ballot, by=person, policy=policy, now=when)


def _report(connection: Connection, old: ReleaseBundle, stopped: ReleaseBundle, by: Person, now: datetime) -> None:
    days = [(now - timedelta(days=back)).date().isoformat() for back in range(6)]
    feed.keep_reports(
        connection,
        [
            Aggregate(
                guidance="readmission-30d", release=old.digest, site=site, day=day,
                counts={"calls": 60 + 3 * place, "shown": 11 + place, "accepted": 4, "overridden": 3, "masked": 5},
            )
            for place, day in enumerate(days)
            for site in ("ward-7", "ward-9")
        ]
        + [
            Aggregate(
                guidance="nephrotoxin-aki", release=stopped.digest, site="ward-7", day=days[1],
                counts={"calls": 210, "shown": 19, "accepted": 2, "overridden": 12},
            )
        ],
        by=by,
        now=now,
    )  # fmt: skip
    running = next(one for one in leases.current(connection, now=now) if one.release == old.digest)
    feed.keep_acknowledgements(
        connection,
        [
            Acknowledgement(
                worker=f"cds-{number}", deployment=running.id, guidance=running.guidance, release=old.digest, stage="pilot",
                ledger_number=12, at=now.isoformat(timespec="milliseconds"),
            )
            for number in (1, 2)
        ],
        by=by,
        now=now,
    )  # fmt: skip
