"""The form of a deployment: what a person writes, as a placement, or what is wrong with it at which field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from services.guidance.manifest import EVERYWHERE
from services.registry.deployed.deployments import ALL, Deployment
from services.registry.deployed.placing import Placement

Fields = Mapping[str, Sequence[str]]
NOBODY: Final = "none"
FIELD_OF: Final[Mapping[str, str]] = {
    "site": "sites", "tenant": "tenants", "hook": "hooks", "stage": "stage", "share": "share", "from/until": "ends",
    "until": "ends", "fallback": "fallback",
}  # fmt: skip
"""Where a rule refuses something → the field in which it was written."""
TOP: Final = "place-form"
_BETWEEN: Final = re.compile(r"[,;\s]+")


def fields_of(known: Deployment) -> dict[str, list[str]]:
    """The form as a deployment stands; where nobody has decided yet, the stage is left to be chosen."""
    return {
        "sites": [", ".join(known.sites)],
        "tenants": [", ".join(known.tenants)],
        "hooks": list(known.hooks),
        "stage": [known.stage] if known.decided_by is not None else [],
        "share": [f"{known.share * 100 / ALL:g}"],
        "starts": [(known.starts_at or "")[:16]],
        "ends": [(known.ends_at or "")[:16]],
        "fallback": [known.fallback or NOBODY],
    }


def placement_of(fields: Fields) -> tuple[Placement | None, list[tuple[str, str]]]:
    """What is decided, or the faults as (field, sentence). Times without a zone are UTC, as the page says."""
    faults: list[tuple[str, str]] = []
    places = {name: _names(_one(fields, name)) for name in ("sites", "tenants")}
    for name, said in (("sites", "Name at least one site, or * for all"), ("tenants", "Name a tenant, or * for all")):
        if not places[name]:
            faults.append((name, said))
    if not fields.get("hooks"):
        faults.append(("hooks", "Choose at least one hook"))
    if not _one(fields, "stage"):
        faults.append(("stage", "Choose the stage"))
    share = _share(_one(fields, "share"))
    if share is None:
        faults.append(("share", "Write a share in per cent, such as 5"))
    times: dict[str, datetime | None] = {}
    for name, said in (("starts", "when it begins"), ("ends", "when it ends")):
        try:
            times[name] = _time(_one(fields, name))
        except ValueError:
            faults.append((name, f"Write {said} as 2026-12-01T08:00, or leave it empty"))
    if faults or share is None:
        return None, faults
    fallback = _one(fields, "fallback")
    return (
        Placement(
            sites=places["sites"],
            tenants=places["tenants"],
            hooks=list(fields["hooks"]),
            stage=_one(fields, "stage"),
            share=share,
            starts_at=times["starts"],
            ends_at=times["ends"],
            fallback=None if fallback in {"", NOBODY} else fallback,
        ),
        [],
    )


def said_of(planned: Deployment) -> dict[str, str]:
    """A deployment in words, for the answers that are shown once more."""

    def all_or(names: Sequence[str]) -> str:
        return "all" if EVERYWHERE in names else ", ".join(names)

    return {
        "sites": all_or(planned.sites),
        "tenants": all_or(planned.tenants),
        "hooks": ", ".join(planned.hooks),
        "share": "all patients" if planned.share == ALL else f"{planned.share * 100 / ALL:g}% of patients",
        "starts": _moment(planned.starts_at, "at once"),
        "ends": _moment(planned.ends_at, "no end"),
    }


def _moment(text: str | None, nothing: str) -> str:
    return nothing if text is None else f"{text[:16].replace('T', ' ')} UTC"


def _names(text: str) -> list[str]:
    return [one for one in _BETWEEN.split(text.strip()) if one]


def _share(text: str) -> int | None:
    """Of 10,000 patients; None for what is no number."""
    plain = text.strip().removesuffix("%").strip().replace(",", ".") or "100"
    try:
        return round(float(plain) * ALL / 100)
    except (ValueError, OverflowError):
        return None


def _time(text: str) -> datetime | None:
    if not text.strip():
        return None
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _one(fields: Fields, name: str) -> str:
    return str((fields.get(name) or ("",))[0])
