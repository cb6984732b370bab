"""What MLflow calls to load a release off its shelf: it opens the release's own files, and checks every byte.

A loader module, so that the artefact holds the release's files and nothing else: no pickle, and no copied code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.guidance.errors import BadRelease
from services.guidance.models.model_file import RiskModel
from services.plumbing.mlflow_models import open_shelved
from services.timeline.errors import BadInput


class ReleaseModel:
    """The risk that CDS would state, for rows of model inputs; NaN is missing."""

    def __init__(self, model: RiskModel) -> None:
        self._model = model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> NDArray[np.float64]:
        """One risk for each row of a DataFrame (columns by name) or of an array (columns in the model's order)."""
        names = list(self._model.inputs)
        if hasattr(model_input, "columns"):
            if missing := [name for name in names if name not in model_input.columns]:
                raise BadInput(
                    f"no column for {', '.join(missing)}", remedy="Give every input; NaN where it is missing"
                )
            model_input = model_input[names]
        rows = np.ascontiguousarray(np.atleast_2d(np.asarray(model_input, dtype=np.float64)))
        if rows.shape[1] != len(names):
            raise BadInput(f"{rows.shape[1]} columns, but the model has {len(names)} inputs", remedy=", ".join(names))
        return self._model.risk(rows)


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> ReleaseModel:
    """MLflow's entry: the folder of the release's files, and the digest that they must have."""
    digest = (model_config or {}).get("release")
    if not isinstance(digest, str):
        raise BadRelease(
            "no release digest is named", place="MLmodel", remedy="Train again, or load it from the registry"
        )
    return ReleaseModel(open_shelved(Path(path), digest))
