"""A site's terminology as a folder: ConceptMap resources as `*.json`, and `ingredients.csv`.

Learner and bedside read the same folder; each says its digest, so that a difference shows. Anything in it that is
neither is BadInput: a map that is quietly not read is a lab result that is quietly not seen.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from services.timeline.concept_maps import read_concept_maps
from services.timeline.errors import BadInput
from services.timeline.ingredients import read_ingredients
from services.timeline.terminology import NOTHING, Terminology

INGREDIENTS: Final = "ingredients.csv"
_REMEDY: Final = f"Put ConceptMap resources (*.json) and {INGREDIENTS} into it, and nothing else"


def read_terminology(folder: Path) -> Terminology:
    """The folder's maps and table; BadInput names the file, and where in it, that is not as it should be."""
    if not folder.is_dir():
        raise BadInput("no such folder of ConceptMap resources", place=str(folder), remedy=_REMEDY)
    maps: dict[str, Any] = {}
    ingredients = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if name == INGREDIENTS:
            ingredients = dict(read_ingredients(_text(path, name), place=name))
        elif path.suffix == ".json":
            try:
                maps[name] = json.loads(_text(path, name))
            except (ValueError, RecursionError) as fault:
                raise BadInput(f"not JSON: {fault}", place=name) from fault
        else:
            raise BadInput("neither a ConceptMap resource nor the table of ingredients", place=name, remedy=_REMEDY)
    if not maps and not ingredients:
        raise BadInput("the folder is empty", place=str(folder), remedy=_REMEDY)
    return Terminology(translations=read_concept_maps(maps), ingredients=ingredients)


@lru_cache(maxsize=2)
def terminology_of(folder: str, digest: str) -> Terminology:
    """The terminology of this digest from a folder, read once in a worker process; no digest, no terminology."""
    if not digest:
        return NOTHING
    found = read_terminology(Path(folder))
    if found.digest != digest:
        raise BadInput("the folder changed while it was in use", place=folder, remedy="Start again")
    return found


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadInput(f"cannot be read: {fault}", place=name) from fault
