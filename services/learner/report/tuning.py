"""The annex on tuning: which settings were tried of each kind, how each did on the inner parts, and what was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.guidance.prediction_definition import Tuning
from services.guidance.words import tuning_wording as said

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.models.tuning import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedLine:
    """One line of the table: a setting of a kind."""

    kind: str
    setting: str
    log_loss: float
    over_parts: float
    chosen: bool
    in_folds: str
    """In how many training parts of the folds it was taken; empty where there were no folds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningAnnex:
    """What the page shows."""

    budget: str
    lines: tuple[TriedLine, ...]
    notes: tuple[str, ...]
    """What was cut off, a sentence for each kind."""


def tuning_annex(tuning: Tuning, searches: Mapping[str, Search]) -> TuningAnnex | None:
    """None: nothing was searched."""
    if not searches:
        return None
    parts = max(one.parts for one in searches.values())
    lines, notes = [], []
    for kind, one in searches.items():
        folds = len(one.chosen_in_folds)
        lines += [
            TriedLine(
                kind=kind,
                setting=said.setting(tried.setting),
                log_loss=tried.log_loss,
                over_parts=tried.over_parts,
                chosen=place == one.chosen,
                in_folds=said.in_folds(one.chosen_in_folds.count(place), folds) if folds else "",
            )
            for place, tried in enumerate(one.tried)
        ]
        if one.not_tried:
            notes.append(said.left_out(kind, one.not_tried, by_clock=one.ended_by == "seconds"))
        if one.folds_cut_by_the_clock:
            notes.append(said.clock_in_folds(kind, one.folds_cut_by_the_clock, folds))
    return TuningAnnex(
        budget=said.budget(settings=tuning.settings, seconds=tuning.seconds, parts=parts),
        lines=tuple(lines),
        notes=tuple(notes),
    )
