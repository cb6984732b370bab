"""`knowdo registry package-fhir` and `import-fhir`, against a registry that listens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.guidance.errors import Refused
from services.guidance.release import pack
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.fhir.carried import carried
from tests.registry.test_commands import Shell, shell

__all__ = ["shell"]


def test_a_package_goes_out_and_comes_in(shell: Shell, tmp_path: Path) -> None:
    """A FHIR package becomes a proposal; it goes out as a Bundle that the registry which made it does not take for another's."""
    jon = shell.person("Jon Developer", "model-developer")
    package = tmp_path / "package.json"
    entries = [{"resource": one} for one in carried()]
    package.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    made = shell.json("import-fhir", str(package), "--note", "from a guideline group", *jon)
    assert made["state"] == "registered"
    out = tmp_path / "out.json"
    written = shell.json("package-fhir", made["release"], "--file", str(out), *jon)
    assert written["bytes"] == out.stat().st_size
    again = shell.json("import-fhir", str(out), *jon)
    assert again["release"] == made["release"]

    ours = tmp_path / "ours.zip"
    ours.write_bytes(pack(samples.release()))
    proposed = shell.json("propose", str(ours), "--author", "D. Chen", *jon)
    shell.json("package-fhir", proposed["release"], "--file", str(out), *jon)
    with pytest.raises(Refused, match="proposed here"):
        shell.run("import-fhir", str(out), *jon)


def test_a_refusal_says_what_is_missing(shell: Shell, tmp_path: Path) -> None:
    """Every issue of the OperationOutcome reaches whoever typed the command."""
    jon = shell.person("Jon Developer", "model-developer")
    package = tmp_path / "package.json"
    entries = [{"resource": one} for one in carried(but="model.json")]
    package.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    with pytest.raises(Refused, match=r"model\.json"):
        shell.run("import-fhir", str(package), *jon)
    package.write_text("{}")
    with pytest.raises(BadInput, match="no FHIR resource"):
        shell.run("import-fhir", str(package), *jon)
    keys = tmp_path / "keys.json"
    keys.write_text("[]")
    with pytest.raises(BadInput, match="no JWK set"):
        shell.run("import-fhir", str(package), "--trusted-keys", str(keys), *jon)
