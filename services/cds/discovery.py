"""Discovery: what is deployed here, on which hooks, and the prefetch that its features need (derived, never written).

Silent guidance is listed too: it must be called to be judged. One id may stand for several hooks. What a person types
into an EHR that does not read discovery by itself stands in its `extension` (`clients.sheet` prints it).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import msgspec

from services.cds.governed.approved import Approved, Deployed
from services.guidance.hooks import HOOKS
from services.guidance.prefetch import prefetch_templates

CDS_HOOKS_VERSION: Final = "2.0.0"
"""Implemented exactly; what 3.0 adds without breaking 2.0 is added."""
FHIR_VERSIONS: Final = ("4.0.1",)
"""What every resource of a call must be of; R4B's resources of the same names are read as well."""
GUIDANCE: Final = "org.knowdo.guidance"
FHIR: Final = "org.knowdo.fhir-versions"


class Discovery:
    """The answer at /cds-services, written anew only when something was deployed, changed or stopped."""

    def __init__(self, approved: Approved, *, public_url: str) -> None:
        self._approved = approved
        self._public_url = public_url.rstrip("/")
        self._made_at = -1
        self._written: tuple[bytes, str] = (b"", "")

    def written(self) -> tuple[bytes, str]:
        """All services as JSON, and the entity tag of just these bytes."""
        if self._made_at != self._approved.changes:
            self._made_at = self._approved.changes
            services = [
                entry
                for deployed in self._approved.all()
                for entry in services_of(deployed, site=self._approved.site, public_url=self._public_url)
            ]
            written = msgspec.json.encode({"services": services})
            self._written = written, f'"{sha256(written).hexdigest()[:32]}"'
        return self._written


def services_of(deployed: Deployed, *, site: str, public_url: str) -> list[dict[str, Any]]:
    """One entry per hook that is approved here. A retired guidance is not offered; a suspended one may come back."""
    release = deployed.release
    if release is None or deployed.manifest.stage == "retired":
        return []
    guidance = release.guidance
    extension = _extension(deployed, public_url)
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
            "hookVersion": HOOKS[hook.hook].version if hook.hook in HOOKS else None,
            "usageRequirements": "Call it with a signed JWT and FHIR R4; missing prefetch may be fetched from an agreed FHIR server.",
            "prefetch": prefetch_templates(
                guidance, release.value_sets, hook=hook.hook, terminology=release.terminology
            ),
            "extension": extension,
        }
        listed.append({name: value for name, value in entry.items() if value})
    return listed


def _extension(deployed: Deployed, public_url: str) -> dict[str, Any]:
    """Which FHIR is spoken, and what stands on every card of this guidance: the facts that are typed in by hand."""
    release, forms = deployed.release, list(deployed.cards.values())
    if release is None:
        return {}
    links = {link["url"]: dict(link) for form in forms for link in form.links}
    told = {
        "endpoint": f"{public_url}/cds-services/{release.guidance.id}",
        "version": release.guidance.version,
        "release": release.digest,
        "stage": deployed.manifest.stage,
        "required": [name for name, query in release.queries.items() if query.required],
        "topic": forms[0].source["topic"] if forms else None,
        "evidence": forms[0].source["url"] if forms else None,
        "overrideReasons": forms[0].override_reasons if forms else None,
        "links": list(links.values()),
    }
    return {FHIR: FHIR_VERSIONS, GUIDANCE: {name: value for name, value in told.items() if value}}
