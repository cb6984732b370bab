"""Where a guidance lies: a folder named by its path, or a name from the library or from folders that a site set up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.guidance.errors import NotFound

LIBRARY: Final = Path(__file__).resolve().parents[1] / "guidance" / "library"


def guidance_folder(name: str, folders: Sequence[Path] = (), *, paths_too: bool = True) -> Path:
    """The folder of a guidance. `paths_too` is for people at a terminal; over HTTP only names are taken."""
    if paths_too and (Path(name) / "guidance.yaml").is_file():
        return Path(name)
    known = names(folders)
    if name in known:
        return known[name]
    raise NotFound(
        "no such guidance",
        place=name,
        remedy=f"Name a folder with guidance.yaml, or one of: {', '.join(sorted(known))}",
    )


def names(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Every guidance that has a name here; the library's names cannot be taken by others."""
    found: dict[str, Path] = {}
    for folder in (*folders, LIBRARY):
        found |= {path.parent.name: path.parent for path in sorted(folder.glob("*/guidance.yaml"))}
    return found
