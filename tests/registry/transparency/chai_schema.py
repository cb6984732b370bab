"""The published schema of the applied model card v0.2, kept beside the other judges: `python -m tests.registry.transparency.chai_schema`.

It is the Coalition for Health AI's, and is fetched, not copied into this project. Its import of XML signatures is answered by
the schema that xmlschema brings along, so that judging needs no network.
"""

from __future__ import annotations

import sys
import urllib.request
from importlib.resources import files
from pathlib import Path
from typing import Final

import xmlschema

ADDRESS: Final = "https://mc.chai.org/v0.2/schema.xsd"
KEPT: Final = Path.home() / ".cache/knowdo-tests/chai-model-card-v0.2.xsd"
_SIGNATURES: Final = "http://www.w3.org/2000/09/xmldsig#"


def schema() -> xmlschema.XMLSchema | None:
    """The schema; None if it was not fetched."""
    if not KEPT.exists():
        return None
    signatures = str(files("xmlschema") / "schemas/DSIG/xmldsig-core-schema.xsd")
    published = "http://www.w3.org/TR/xmldsig-core/xmldsig-core-schema.xsd"
    return xmlschema.XMLSchema(
        str(KEPT), locations={_SIGNATURES: signatures}, uri_mapper={published: signatures}, allow="local"
    )


if __name__ == "__main__":
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(ADDRESS, timeout=30) as answer:
        KEPT.write_bytes(answer.read())
    sys.stdout.write(f"{KEPT}\n")
