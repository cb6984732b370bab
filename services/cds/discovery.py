"""Discovery: what is deployed here, on which hooks, and the prefetch that its features need (derived, never written).

Silent guidance is listed too: it must be called to be judged. One id may stand for several hooks.
"""

from __future__ import annotations

from typing import Any, Final

from services.cds.governed.approved import Approved, Deployed
from services.guidance.hooks import HOOKS
from services.guidance.prefetch import prefetch_templates

CDS_HOOKS_VERSION: Final = "2.0.0"
"""Implemented exactly; what 3.0 adds without breaking 2.0 is added."""


class Discovery:
    """The answer at /cds-services, made anew only when something was deployed, changed or stopped."""

    def __init__(self, approved: Approved) -> None:
        self._approved = approved
        self._made_at = -1
        self._answer: dict[str, Any] = {}

    def answer(self) -> dict[str, Any]:
        """All services."""
        if self._made_at != self._approved.changes:
            self._made_at = self._approved.changes
            services = [
                entry for deployed in self._approved.all() for entry in _services(deployed, self._approved.site)
            ]
            self._answer = {"services": services}
        return self._answer


def _services(deployed: Deployed, site: str) -> list[dict[str, Any]]:
    """One entry per hook that is approved here. A retired guidance is not offered; a suspended one may come back."""
    release = deployed.release
    if release is None or deployed.manifest.stage == "retired":
        return []
    guidance = release.guidance
    listed = []
    for hook in guidance.hooks:
        if not deployed.manifest.where.covers(site=site, hook=hook.hook):
            continue
        entry: dict[str, Any] = {
            "hook": hook.hook,
            "id": guidance.id,
            "title": guidance.title,
            "description": guidance.description,
            "version": CDS_HOOKS_VERSION,
            "usageRequirements": "Call it with a signed JWT; missing prefetch may be fetched from an agreed FHIR server.",
            "prefetch": prefetch_templates(
                guidance, release.value_sets, hook=hook.hook, terminology=release.terminology
            ),
        }
        if hook.hook in HOOKS:
            entry["hookVersion"] = HOOKS[hook.hook].version
        listed.append({name: value for name, value in entry.items() if value})
    return listed
