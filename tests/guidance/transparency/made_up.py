"""The facts of a made-up release, with whatever evidence a test wants."""

from __future__ import annotations

from services.guidance.check import load_files
from services.guidance.checking.transparency import read_transparency
from services.guidance.evidence import Kind
from services.guidance.release import EvidencePack
from services.guidance.transparency.disclosure import Transparency
from services.guidance.transparency.readings import Dated, Facts
from tests.guidance import small_guidance
from tests.registry import samples

RELEASE = samples.RELEASE


def facts(*kinds: Kind, transparency: str = small_guidance.TRANSPARENCY, **packs: EvidencePack) -> Facts:
    """The small guidance with evidence of these kinds, or with these packs."""
    made = {"training": samples.training_pack, "silent": samples.silent_pack, "trial": samples.trial_pack}
    files = small_guidance.files(transparency=transparency)
    return Facts(
        guidance=load_files(files).definition,
        release=RELEASE,
        disclosed=read_transparency(files) or Transparency(),
        packs={**{kind: made[kind](RELEASE) for kind in kinds}, **packs},  # type: ignore[dict-item]
        dates=(Dated(version="1.0.0", day="2026-11-22"),),
    )
