"""What is disclosed of a release that was really learned: computed from its own pack, the same again, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from services.guidance.checking.transparency import read_transparency
from services.guidance.ready import read_definition
from services.guidance.release import pack, unpack_evidence
from services.guidance.transparency.attributes import BY_KEY
from services.guidance.transparency.checklist import tripod_summary
from services.guidance.transparency.disclosed import Filled, disclose
from services.guidance.transparency.disclosure import Transparency
from services.guidance.transparency.readings import Facts
from services.learner.retrain import Trained

NOW = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)


def of(trained: Trained) -> dict[str, Filled]:
    """Every attribute of what was trained, from bytes that went through a pack."""
    facts = Facts(
        guidance=read_definition(trained.bundle),
        release=trained.bundle.digest,
        disclosed=read_transparency(trained.bundle.files) or Transparency(),
        packs={"training": unpack_evidence(pack(trained.pack))},
    )
    return {one.attribute.key: one for kind in disclose(facts, now=NOW).values() for one in kind}


def test_the_numbers_are_those_of_the_evidence_and_come_out_the_same_again(trained: Trained) -> None:
    """Each computed attribute is recomputed and compared; each carries the digest of what it rests on."""
    filled, again = of(trained), of(trained)
    computed = [key for key, one in BY_KEY.items() if one.filled != "author"]
    assert {key: filled[key].computed for key in computed} == {key: again[key].computed for key in computed}
    report = msgspec.json.decode(trained.pack.files["evaluation.json"])
    model = report["models"][report["chosen"]]
    low, high = model["auroc_ci"]
    assert f"AUROC {model['auroc']:.3f} ({low:.3f} to {high:.3f})" in filled["test_validity"].text
    assert f"{report['rows']:,} moments of prediction of {report['patients']:,} patients" in filled["relevance"].text
    for key in ("training_criteria", "training_demographics", "test_validity", "test_fairness"):
        assert filled[key].evidence == trained.pack.digest
        assert filled[key].is_filled, filled[key].missing


def test_every_group_of_the_evidence_is_told(trained: Trained) -> None:
    """None is left out: as many as the evidence lists, and those by sex with their patients."""
    groups = msgspec.json.decode(trained.pack.files["evidence.json"])["predictions"]["risk"]["looks"]["groups"][
        "groups"
    ]
    filled = of(trained)
    assert f"{len(groups)} groups; meets" in filled["test_fairness"].text
    for one in groups:
        assert one["value"] in filled["training_demographics"].text


def test_the_evidence_answers_every_computable_item_of_tripod(trained: Trained) -> None:
    """TRIPOD+AI: what evidence can answer, this evidence answers; of the rest people are named."""
    items = tripod_summary(trained.pack)
    assert [one["item"] for one in items if one["answered"] is False] == []
    assert any(one["answered"] is None for one in items)
