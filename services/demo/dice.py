"""Chance, one stream per patient and topic: any patient can be generated alone, and a new topic moves no other draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_BLOCK = 1024  # of a life
_SMALL_BLOCK = 128  # of a topic beside it
# Topics beside the life itself: each has a stream of its own, so that the life's draws stay where they are.
INPATIENT, PREVENTION, PAPERWORK, SCREENING, KIDNEYS, OPERATIONS = 1, 2, 3, 5, 6, 7


class Dice:
    """Uniform and normal draws from the stream of (seed, patient[, topic]), taken from numpy in blocks for speed."""

    __slots__ = ("_block", "_normals", "_rng", "_uniforms")

    def __init__(self, seed: int, patient: int, topic: int = 0) -> None:
        key = (patient, topic) if topic else (patient,)
        self._block = _SMALL_BLOCK if topic else _BLOCK
        self._rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
        self._uniforms: list[float] = []
        self._normals: list[float] = []

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number between `low` and `high`."""
        if not self._uniforms:
            self._uniforms = self._rng.random(self._block).tolist()
        return low + (high - low) * self._uniforms.pop()

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """A normal number."""
        if not self._normals:
            self._normals = self._rng.standard_normal(self._block).tolist()
        return mean + sd * self._normals.pop()

    def chance(self, probability: float) -> bool:
        """Whether it happens."""
        return self.uniform() < probability

    def gap(self, mean: float) -> float:
        """An exponential waiting time."""
        return -mean * math.log(1.0 - self.uniform())

    def around(self, median: float, spread: float) -> float:
        """A log-normal number with that median."""
        return median * math.exp(self.normal(0.0, spread))

    def pick(self, weights: Sequence[float]) -> int:
        """An index, by weight."""
        left = self.uniform() * sum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        return len(weights) - 1
