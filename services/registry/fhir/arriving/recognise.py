"""What a FHIR package is for Knowdo: a release with its evidence, a guidance that can be mapped exactly, or neither.

Nothing is guessed. A rule whose logic stands in CQL, ELM or FHIRPath is refused, with everything named that is missing:
translated by us it would be another rule under its author's name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from services.guidance.check import load_files
from services.guidance.errors import BadGuidance, BadManifest, BadRelease, Lacking
from services.guidance.folder import GUIDANCE_FILE, RESOURCES, TRANSPARENCY_FILE, VALUE_SETS_FILE
from services.guidance.release import MODEL_FILE, REFERENCE_FILE, EvidencePack, ReleaseBundle, canonical_json, pack
from services.plumbing.keys import verify
from services.registry.decisions import intake
from services.registry.fhir.arriving.parsed import must_be_r4
from services.registry.fhir.names import EVIDENCE, RELEASE, TEMPLATE, Resource, key_of
from services.registry.fhir.packaging import STATEMENT
from services.timeline.errors import BadInput

_ASK: Final = "Ask the sender for the answer of $package, whole"
_FILES: Final = frozenset({GUIDANCE_FILE, VALUE_SETS_FILE, TRANSPARENCY_FILE, MODEL_FILE, REFERENCE_FILE})
_AUTHOR: Final = (
    "Write the guidance as Knowdo's guidance.yaml (see docs/guides/data-scientist.md) and propose that, or have its author "
    "put it into a Library beside the PlanDefinition"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A release as it came, every byte checked, and what it says of where it comes from."""

    bundle: ReleaseBundle
    packs: tuple[EvidencePack, ...]
    url: str
    version: str
    issuer: str
    signed_by: str
    """Id of the key that signed release and evidence together, among those that the caller trusts; else empty."""


def recognised(resources: Sequence[Resource], keys: Mapping[str, Any] | None) -> Arrived:
    """The release in a package. With `keys` (a JWK set) the package must be signed by one of them."""
    must_be_r4(resources)
    plans = [one for one in resources if one["resourceType"] == "PlanDefinition"]
    if len(plans) != 1:
        raise BadInput(
            f"it holds {len(plans)} PlanDefinitions, and one release is imported at a time",
            place="package",
            remedy="Send a package for each PlanDefinition",
        )
    plan = plans[0]
    digest = _identifier(plan, RELEASE)
    binaries = {str(one.get("id")): one for one in resources if one["resourceType"] == "Binary"}
    if digest and not binaries:
        raise BadInput("the release is named, and its bytes are missing", place=f"Binary/{key_of(digest)}", remedy=_ASK)
    bundle = _release(binaries, digest) if digest else _mapped(plan, resources)
    packs = tuple(_evidence(resources, binaries, bundle.digest))
    issuer, signed_by = _signature(resources, keys, bundle.digest, packs)
    return Arrived(
        bundle=bundle,
        packs=packs,
        url=str(plan.get("url") or f"PlanDefinition/{plan.get('id', '')}")[:500],
        version=str(plan.get("version", ""))[:200],
        issuer=(issuer or str(plan.get("publisher", "")) or "not said")[:500],
        signed_by=signed_by,
    )


def _release(binaries: Mapping[str, Resource], digest: str) -> ReleaseBundle:
    bundle = intake.read_release(_bytes(binaries, digest))
    if bundle.digest != digest:
        raise BadInput(f"the release is {bundle.digest}, not {digest}", place=f"Binary/{key_of(digest)}", remedy=_ASK)
    return bundle


def _evidence(resources: Sequence[Resource], binaries: Mapping[str, Resource], release: str) -> Iterator[EvidencePack]:
    """Every pack that the package names; one that is named and not there is refused, as is one about something else."""
    for one in resources:
        digest = _identifier(one, EVIDENCE) if one["resourceType"] == "DocumentReference" else ""
        if not digest:
            continue
        found = intake.read_evidence(_bytes(binaries, digest))
        if found.digest != digest:
            raise BadInput(
                f"the evidence is {found.digest}, not {digest}", place=f"Binary/{key_of(digest)}", remedy=_ASK
            )
        if found.release != release:
            raise BadInput("the evidence is about another release", place=f"Binary/{key_of(digest)}", remedy=_ASK)
        yield found


def _bytes(binaries: Mapping[str, Resource], digest: str) -> bytes:
    place = f"Binary/{key_of(digest)}"
    if key_of(digest) not in binaries:
        raise BadInput("the package names these bytes, and they are missing", place=place, remedy=_ASK)
    return _decoded(binaries[key_of(digest)].get("data"), place)


def _signature(
    resources: Sequence[Resource], keys: Mapping[str, Any] | None, release: str, packs: Sequence[EvidencePack]
) -> tuple[str, str]:
    """Who says so, and the key that proves it; a statement that does not fit the package is refused."""
    signed = [
        _decoded(one.get("data"), f"Provenance/{found.get('id', '')}").decode("ascii", "replace")
        for found in resources
        if found["resourceType"] == "Provenance" and str(found.get("id", "")).endswith("-package")
        for one in found.get("signature", [])
    ]
    if keys is None:
        return "", ""
    if not signed:
        raise BadInput("keys were given, and the package is not signed", place="Provenance", remedy=_ASK)
    said = _verified(signed[0], keys)
    fits = (
        said.get("typ") == STATEMENT
        and said.get("release") == release
        and said.get("evidence") == sorted(one.digest for one in packs)
    )
    if not fits:
        raise BadInput("what was signed is not what is in the package", place="Provenance", remedy=_ASK)
    header = signed[0].partition(".")[0]
    kid = msgspec.json.decode(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return str(said.get("issuer", "")), str(kid)[:64]


def _verified(signed: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return verify(signed, keys)
    except BadManifest as fault:
        raise BadInput(
            f"its signature is not by a key that you trust: {fault.message}",
            place="Provenance",
            remedy="Give the keys of the registry that made it (its `GET /keys`), got another way than the package",
        ) from fault


def _mapped(plan: Resource, resources: Sequence[Resource]) -> ReleaseBundle:
    """A release from FHIR resources that carry Knowdo's own files; Lacking with all that is missing, else."""
    files = dict(_contents(resources))
    sets = {str(one["id"]): one for one in resources if one["resourceType"] == "ValueSet" and one.get("id")}
    if VALUE_SETS_FILE not in files and sets:
        files[VALUE_SETS_FILE] = canonical_json(
            {"version": str(plan.get("version", "")), "terms": "", "value_sets": sets}
        )
    wanted = {
        GUIDANCE_FILE: "the definition: whom it is for, what it reads, which outcome, what it says",
        VALUE_SETS_FILE: "its codes, as that file or as ValueSet resources",
        MODEL_FILE: "how the risk is computed: a scorecard, a forest or a published score",
        REFERENCE_FILE: "the population that a risk is explained against",
    }
    missing = [f"{name}: {said}" for name, said in wanted.items() if name not in files]
    if missing:
        raise Lacking(
            "this package holds no rule that Knowdo can execute as it was written",
            place=f"PlanDefinition/{plan.get('id', '')}"[:100],
            remedy=_AUTHOR,
            faults=[*missing, *_languages(plan, resources)],
        )
    try:
        definition = load_files(files).definition
    except (BadRelease, BadGuidance) as fault:
        raise BadInput(fault.message, place=GUIDANCE_FILE, remedy=_AUTHOR) from fault
    return intake.read_release(pack(ReleaseBundle(guidance=definition.id, version=definition.version, files=files)))


def _contents(resources: Sequence[Resource]) -> Iterator[tuple[str, bytes]]:
    """Knowdo's files where FHIR has a place for them: contents of Libraries, templates of ActivityDefinitions."""
    for one in resources:
        place = f"{one['resourceType']}/{one.get('id', '')}"[:100]
        if one["resourceType"] == "Library":
            for content in one.get("content", []):
                name = str(content.get("title", ""))
                if "data" in content and (name in _FILES or name.startswith(("models/", "references/"))):
                    yield name, _decoded(content["data"], place)
        if one["resourceType"] == "ActivityDefinition":
            for content in (
                found.get("valueAttachment", {}) for found in one.get("extension", []) if found.get("url") == TEMPLATE
            ):
                yield RESOURCES + str(content.get("title", "")), _decoded(content.get("data"), place)


def _languages(plan: Resource, resources: Sequence[Resource]) -> Iterator[str]:
    """The logic that is there, and that nobody here can run as it stands."""
    found: set[str] = set()
    ahead: list[Any] = [plan]
    while ahead:
        one = ahead.pop()
        if isinstance(one, dict):
            if isinstance(one.get("language"), str) and ("expression" in one or "reference" in one):
                found.add(one["language"][:40])
            ahead.extend(one.values())
        elif isinstance(one, list):
            ahead.extend(one)
    for language in sorted(found):
        yield f"conditions are written in {language}, which Knowdo does not execute"
    for one in resources:
        types = {
            str(content.get("contentType", ""))[:40] for content in one.get("content", []) if isinstance(content, dict)
        }
        if one["resourceType"] == "Library" and (
            logic := sorted(kind for kind in types if "cql" in kind or "elm" in kind)
        ):
            yield f"Library/{one.get('id', '')} holds {', '.join(logic)}, which Knowdo does not execute"


def _identifier(resource: Resource, system: str) -> str:
    for one in resource.get("identifier", []):
        if isinstance(one, dict) and one.get("system") == system:
            return str(one.get("value", ""))
    return ""


def _decoded(data: object, place: str) -> bytes:
    try:
        return base64.b64decode(str(data or ""), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadInput("its data are not base64", place=place, remedy=_ASK) from fault
