"""What a guidance folder holds: the names of its files, and the folder once it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.guidance.definition import Guidance
from services.timeline.codes import ValueSets

GUIDANCE_FILE: Final = "guidance.yaml"
VALUE_SETS_FILE: Final = "value_sets.json"
TRANSPARENCY_FILE: Final = "transparency.yaml"
"""What a reader must know and nothing computes: source attributes and the risk register. A draft may lack it."""
RESOURCES: Final = "resources/"
"""The resources that suggestions create, one JSON file each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedGuidance:
    """A guidance that can be read: its definition, its codes, and its files byte for byte."""

    definition: Guidance
    value_sets: ValueSets
    files: Mapping[str, bytes]
