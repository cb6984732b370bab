"""model.json, whichever kind of model it holds. Nothing in it is executed, and nothing unknown is accepted."""

from __future__ import annotations

import msgspec

from services.guidance.models.forest import Forest
from services.guidance.models.model_json import bad_model, read_json
from services.guidance.models.published import Published
from services.guidance.models.scorecard import Scorecard

RiskModel = Scorecard | Forest | Published
"""Whatever gives a risk: `inputs`, `risk` of many rows, `explain` of one, and its own file."""


class _Kind(msgspec.Struct):
    kind: str


def load_model(data: bytes) -> RiskModel:
    """The model that the bytes of a model.json describe; BadRelease if they do not."""
    match read_json(data, _Kind).kind:
        case "scorecard":
            return Scorecard.from_json(data)
        case "forest":
            return Forest.from_json(data)
        case "published":
            return Published.from_json(data)
        case kind:
            raise bad_model(f"there is no kind of model called {kind[:40]!r}")
