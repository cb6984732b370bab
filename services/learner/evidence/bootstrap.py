"""Whole patients drawn again and again: how far the figures would move with other patients.

The draws depend on the seed and the patients only, so that two models are compared on the same draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.metrics import Labels, Ranked, squared_errors, surprises

# Draws that are reckoned at once: with 30,000 rows a matrix of 8 MB.
_CELLS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """The figures of one model in every draw."""

    auroc: Numbers
    auprc: Numbers
    brier: Numbers
    log_loss: Numbers


def draw(y: Labels, risk: Numbers, patients: NDArray[np.int64], *, resamples: int, seed: int) -> Draws:
    """Reckon the figures anew for every draw of whole patients."""
    ranked = Ranked.of(y, risk)
    own = np.unique(patients, return_inverse=True)[1]
    errors, losses = squared_errors(y, risk)[ranked.order], surprises(y, risk)[ranked.order]
    parts = []
    for weights in _weights(own[ranked.order], resamples, seed):
        total = weights.sum(axis=1)
        parts.append((*ranked.discrimination(weights), weights @ errors / total, weights @ losses / total))
    aurocs, auprcs, briers, log_losses = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Draws(auroc=aurocs, auprc=auprcs, brier=briers, log_loss=log_losses)


def percentile_interval(value: float, draws: Numbers, *, level: float = 0.95) -> Estimate:
    """The value with the middle share of its draws; draws without both outcomes have none and are left out."""
    tail = (1 - level) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    # Average precision is biased upwards in draws with repeats: the interval must still hold the value.
    return Estimate(value=value, ci=(min(float(low), value), max(float(high), value)))


def _weights(own: NDArray[np.int64], resamples: int, seed: int) -> Iterator[Numbers]:
    """How often every row is drawn, a few draws at a time."""
    patients = int(own.max()) + 1
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // len(own))
    for start in range(0, resamples, step):
        lines = min(step, resamples - start)
        drawn = rng.integers(patients, size=(lines, patients)) + np.arange(lines)[:, None] * patients
        counts = np.bincount(drawn.ravel(), minlength=lines * patients).reshape(lines, patients)
        yield counts[:, own].astype(np.float64)
