"""Discovery: what is deployed here, on which hooks, and the prefetch that its features need (derived, never written).

Silent guidance is listed too: it must be called to be judged. One id may stand for several hooks. What a person types
into an EHR that does not read discovery by itself stands in its `extension` (`clients.sheet` prints it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby
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
                for _, held in groupby(self._approved.all(), key=lambda one: one.manifest.guidance)
                for entry in services_of(list(held), site=self._approved.site, public_url=self._public_url)
            ]
            written = msgspec.json.encode({"services": services})
            self._written = written, f'"{sha256(written).hexdigest()[:32]}"'
        return self._written


def services_of(held: Sequence[Deployed], *, site: str, public_url: str) -> list[dict[str, Any]]:
    """One entry per hook on which a guidance is approved here, for any tenant; it asks what any of its releases needs.

    `held`: what counts most first, which names the service. A retired one is not offered; a suspended one may come back.
    """
    offered = [one for one in held if one.release is not None and one.manifest.stage != "retired"]
    running = [one for one in offered if one.manifest.runs]
    listed: dict[str, dict[str, Any]] = {}
    for deployed in running or offered[:1]:
        for hook, entry in _entries(deployed, site=site, public_url=public_url):
            if hook not in listed:
                listed[hook] = entry
            elif "prefetch" in entry:
                # What a key asks is the same in all that run side by side: the registry sees to it.
                listed[hook]["prefetch"] = {**entry["prefetch"], **listed[hook].get("prefetch", {})}
    return list(listed.values())


def _entries(deployed: Deployed, *, site: str, public_url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    release = deployed.release
    if release is None:
        return
    guidance, where = release.guidance, deployed.manifest.where
    extension = _extension(deployed, public_url)
    for hook in guidance.hooks:
        if not any(where.covers(site=site, hook=hook.hook, tenant=tenant) for tenant in where.tenants):
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
        yield hook.hook, {name: value for name, value in entry.items() if value}


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
