"""`knowdo registry import-fhir` and `package-fhir`: evidence that comes in from elsewhere, and ours for others."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any

import typer

from services.plumbing.registry_client import RegistryClient
from services.registry.terminal import DEFAULT_URL, AsJson, TokenFile, Url, asked, file_bytes, show
from services.timeline.errors import BadInput


def import_fhir(
    package: Annotated[Path, typer.Argument(help="FHIR package: a Bundle (.json) or an NPM package (.tgz)")],
    author: Annotated[str, typer.Option(help="Who made it; default: who the package says")] = "",
    note: Annotated[str, typer.Option(help="What reviewers should know")] = "",
    trusted_keys: Annotated[
        Path | None, typer.Option(help="JWK set of the other registry; the package must be signed by one of them")
    ] = None,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Bring in another organisation's release, or a FHIR package that carries a guidance, as a proposal.

    Example: knowdo registry import-fhir release.json --trusted-keys their-keys.json --token-file me.token
    """
    given = [{"name": "package", "valueBase64Binary": base64.b64encode(file_bytes(package)).decode()}]
    texts = {"author": author, "note": note}
    given += [{"name": name, "valueString": text} for name, text in texts.items() if text]
    if trusted_keys is not None:
        given.append({"name": "trustedKeys", "valueString": file_bytes(trusted_keys).decode("utf-8", "replace")})

    async def ask(client: RegistryClient) -> dict[str, Any]:
        plan = await client.import_fhir({"resourceType": "Parameters", "parameter": given})
        return {
            "plan": f"PlanDefinition/{plan['id']}",
            "release": plan["identifier"][0]["value"],
            "title": plan["title"],
            "state": plan["extension"][0]["valueCode"],
        }

    show(asked(ask, url, token_file), as_json)


def package_fhir(
    release: Annotated[str, typer.Argument(help="Digest of the release, sha256:…")],
    file: Annotated[Path, typer.Option(help="Write the Bundle there")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a release with its decisions, evidence and signature as one FHIR Bundle, for another organisation.

    Example: knowdo registry package-fhir sha256:4f0c… --file release.json --token-file me.token
    """
    data = asked(lambda client: client.package_fhir(release), url, token_file)
    try:
        file.write_bytes(data)
    except OSError as fault:
        raise BadInput(
            f"cannot be written ({fault.strerror})", place=str(file), remedy="Name a file that this user may write"
        ) from fault
    show({"file": str(file), "bytes": len(data), "release": release}, as_json)
