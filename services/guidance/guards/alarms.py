"""Too good to be true is not true: the alarms, each with the sentence that it rings with and the input that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from services.guidance.evidence import Estimate, Leaks
from services.guidance.guards.alone import Alone, strongest

SINGLE_INPUT_ALARM: Final = 0.95
"""AUROC that no single honest input reaches."""


def raise_alarms(
    *, aurocs: Mapping[str, float], auroc_alarm: float, alone: Mapping[str, Alone], shuffled: Estimate
) -> Leaks:
    """Ring every alarm that must ring; `found` has one sentence for each.

    `aurocs` is by kind of model, `auroc_alarm` the guidance's own upper limit; `alone` is what each input tells on its
    own; `shuffled` what was learned from shuffled labels.
    """
    first = strongest(alone)
    found = [
        f"The {kind.replace('_', ' ')} has an AUROC of {value:.3f}, above the alarm at {auroc_alarm:g}; "
        f"the input that tells most alone is {first} ({alone[first].auroc:.3f})."
        for kind, value in aurocs.items()
        if value > auroc_alarm
    ]
    found += [
        f"The input {name} alone has an AUROC of {one.auroc:.3f} by {one.by}, above the alarm at {SINGLE_INPUT_ALARM:g}."
        for name, one in alone.items()
        if one.auroc > SINGLE_INPUT_ALARM
    ]
    if not shuffled.ci[0] <= 0.5 <= shuffled.ci[1]:
        found.append(f"With shuffled labels the AUROC is {shuffled.value:.3f}, not 0.5: the folds are not apart.")
    return Leaks(
        shuffled_auroc=shuffled, largest_feature=first, largest_feature_auroc=alone[first].auroc, found=tuple(found)
    )  # fmt: skip


def mean_of_folds(found: Sequence[Estimate]) -> Estimate:
    """The mean over folds, as wide as one of them: they share most of their training rows, so they err together."""
    value = float(np.mean([one.value for one in found]))
    half = float(np.mean([(one.ci[1] - one.ci[0]) / 2 for one in found]))
    return Estimate(value=value, ci=(value - half, value + half))
