"""Names that stay: ids and canonical addresses of a release's resources, systems, extensions.

An id begins with the first 32 hexadecimal digits of the release's digest (128 bits), so it can be computed and never
moves. A canonical address is that of the guidance; which release is meant, its version says (`1.0.0+` and twelve digits).
"""

from __future__ import annotations

import re
from typing import Any, Final

Resource = dict[str, Any]

GUIDANCE: Final = "urn:knowdo:guidance"
RELEASE: Final = "urn:knowdo:release"
EVIDENCE: Final = "urn:knowdo:evidence"
SUBJECT: Final = "urn:knowdo:ledger-subject"
LEDGER_ACTION: Final = "urn:knowdo:ledger-action"
LIBRARY_KIND: Final = "urn:knowdo:library-kind"
URI: Final = "urn:ietf:rfc:3986"

# Extensions of our own. The stages between draft and retired are no FHIR statuses, and SHA-256 is no FHIR hash.
DEPLOYMENT_STATE: Final = "urn:knowdo:fhir:deployment-state"
CONTENT_DIGEST: Final = "urn:knowdo:fhir:content-digest"
EVIDENCE_ORIGIN: Final = "urn:knowdo:fhir:evidence-origin"
LEDGER_HASH: Final = "urn:knowdo:fhir:ledger-hash"
LEDGER_PREVIOUS: Final = "urn:knowdo:fhir:ledger-previous-hash"
ROLE: Final = "urn:knowdo:fhir:role"
TRANSITION: Final = "urn:knowdo:fhir:transition"
VOTE: Final = "urn:knowdo:fhir:vote"
TEMPLATE: Final = "urn:knowdo:fhir:template"
CONDITION: Final = "urn:knowdo:fhir:condition"

# What the ledger calls a review that is no vote.
REVIEWED: Final = "reviewed"

# CRMI 2.0 (R4): ArtifactAssessment is R5, so in R4 it is a Basic with these.
CRMI: Final = "http://hl7.org/fhir/uv/crmi/StructureDefinition/crmi-artifactAssessment"
# AI Transparency on FHIR (R4, ballot).
AI: Final = "http://hl7.org/fhir/uv/aitransparency"

YAML: Final = "application/yaml"
JSON: Final = "application/json"
ZIP: Final = "application/zip"
FHIR_JSON: Final = "application/fhir+json"
HTML: Final = "text/html"
JOSE: Final = "application/jose"

_HEX: Final = re.compile(r"sha256:([0-9a-f]{64})")


def key_of(digest: str) -> str:
    """What the ids of everything about a digest begin with."""
    return digest.removeprefix("sha256:")[:32]


def version_of(version: str, digest: str) -> str:
    """The business version: the text's, and which model of it; semantic versioning's build metadata."""
    return f"{version}+{digest.removeprefix('sha256:')[:12]}"


def name_of(text: str) -> str:
    """A name that a computer can use (R4: a capital letter, then letters, digits, underscores)."""
    made = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text) if part)
    return made if made[:1].isalpha() else f"G{made}"


def digests_in(text: str) -> list[str]:
    """Every SHA-256 digest that a text names."""
    return [f"sha256:{found}" for found in _HEX.findall(text)]


def coded(system: str, code: str, display: str = "") -> Resource:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code}
    return {"coding": [coding | {"display": display} if display else coding]}


def extension(url: str, **value: Any) -> Resource:
    """An extension with one value, e.g. `valueCode="pilot"`."""
    return {"url": url, **value}


def without_nothing(resource: Resource) -> Resource:
    """The resource without members that hold nothing: FHIR knows no empty text, list or object."""
    return {name: value for name, value in resource.items() if value not in (None, "", [], {}, ())}
