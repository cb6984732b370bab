"""The trust list: read as a whole or not at all, and never with the keys that everyone has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.cds.app import create_app
from services.cds.callers.trust_list import SANDBOX, SANDBOX_JWKS, TrustList
from services.cds.settings import CdsSettings
from services.timeline.errors import BadInput
from tests.cds.callers.tokens import EC, RSA, issuer, jwks

KEYS = jwks(EC)


def written(folder: Path, *entries: Any) -> Path:
    """A trust list of these entries."""
    path = folder / "trust.json"
    path.write_text(json.dumps(entries))
    return path


def test_the_list_is_read_with_keys_inside_in_a_file_or_at_an_address(tmp_path: Path) -> None:
    """A file's path is relative to the list; everything else is carried as it is written."""
    (tmp_path / "ehr.jwks").write_text(json.dumps(jwks(RSA)))
    path = written(
        tmp_path,
        {"iss": "a", "jwks": KEYS},
        {"iss": "b", "jwks_file": "ehr.jwks", "profile": "epic", "audiences": ["https://cds.example"]},
        {
            "iss": "c",
            "jku": ["https://ehr.example/1", "https://ehr.example/2"],
            "tenants": ["north"],
            "algorithms": ["RS256"],
            "fhir_servers": ["https://fhir.example"],
        },
    )
    a, b, c = TrustList(path).read()
    assert a.profile == "default"
    assert a.keys.ids == ("ec",)
    assert a.algorithms == {"ES384", "RS384"}
    assert b.profile == "epic"
    assert b.keys.ids == ("rsa",)
    assert b.audiences == ("https://cds.example",)
    assert not c.keys
    assert c.jku == ("https://ehr.example/1", "https://ehr.example/2")
    assert c.tenants == {"north"}
    assert c.algorithms == {"RS256"}
    assert c.fhir_servers == ("https://fhir.example",)
    assert TrustList(path).files() == [path, tmp_path / "ehr.jwks"]


def test_without_a_file_only_those_are_trusted_who_always_are() -> None:
    """The demo's client, or nobody."""
    assert TrustList(None).read() == []
    assert [one.iss for one in TrustList(None, always=[issuer()]).read()] == ["https://ehr.example"]


BAD = {
    "nothing": "",
    "no list": "{}",
    "no issuer": "[{}]",
    "no keys": '[{"iss":"a"}]',
    "no key in the set": '[{"iss":"a","jwks":{"keys":[]}}]',
    "no such file": '[{"iss":"a","jwks_file":"no"}]',
    "a shared secret": '[{"iss":"a","jwks":{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAA","kid":"x"}]}}]',
    "a key that is none": '[{"iss":"a","jwks":{"keys":[7]}}]',
    "a private key": json.dumps([{"iss": "a", "jwks": {"keys": [EC.as_dict(private=True)]}}]),
    "http": '[{"iss":"a","jku":["http://ehr.example/jwks"]}]',
    "http on loopback, not in development": '[{"iss":"a","jku":["http://localhost/jwks"]}]',
    "a file as address": '[{"iss":"a","jku":["file:///etc/passwd"]}]',
    "a user in the address": '[{"iss":"a","jku":["https://ehr.example@evil.example/jwks"]}]',
    "an address that is no list": '[{"iss":"a","jku":"https://ehr.example/jwks"}]',
    "an unknown member": json.dumps([{"iss": "a", "jwks": KEYS, "tenant": ["north"]}]),
    "alg none": json.dumps([{"iss": "a", "jwks": KEYS, "algorithms": ["none"]}]),
    "alg HMAC": json.dumps([{"iss": "a", "jwks": KEYS, "algorithms": ["ES384", "HS256"]}]),
    "no alg": json.dumps([{"iss": "a", "jwks": KEYS, "algorithms": []}]),
    "an unknown profile": json.dumps([{"iss": "a", "jwks": KEYS, "profile": "standard"}]),
    "a FHIR server that is none": json.dumps([{"iss": "a", "jwks": KEYS, "fhir_servers": ["fhir.example"]}]),
    "an issuer twice": json.dumps([{"iss": "a", "jwks": KEYS}] * 2),
    "a line break in the issuer": json.dumps([{"iss": "a\nb", "jwks": KEYS}]),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_wrong_trust_list_is_a_fault_that_says_where(tmp_path: Path, text: str) -> None:
    """Trust is never guessed."""
    path = tmp_path / "trust.json"
    path.write_text(text)
    with pytest.raises(BadInput) as fault:
        TrustList(path).read()
    assert fault.value.place
    assert "trust.json" in fault.value.place or "fhirServer" in fault.value.place


def test_http_is_for_loopback_in_development(tmp_path: Path) -> None:
    """And for nothing else, there either."""
    assert TrustList(written(tmp_path, {"iss": "a", "jku": ["http://localhost:1/x"]}), development=True).read()
    with pytest.raises(BadInput, match="not https"):
        TrustList(written(tmp_path, {"iss": "a", "jku": ["http://ehr.example/x"]}), development=True).read()


PUBLISHED = {"keys": [KEYS["keys"][0] | {"kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f"}]}


@pytest.mark.parametrize(
    "entry",
    [
        {"iss": SANDBOX, "jwks": KEYS},
        {"iss": SANDBOX + "/", "jwks": KEYS},
        {"iss": "HTTPS://Sandbox.CDS-Hooks.org", "jwks": KEYS},
        {"iss": "https://sandbox.cds-hooks.org.", "jwks": KEYS, "profile": "sandbox"},
        {"iss": "https://ours.example", "jku": [SANDBOX_JWKS]},
        {"iss": "https://ours.example", "jwks": PUBLISHED},
    ],
)
def test_the_public_sandbox_is_refused_by_name_by_address_and_by_its_keys(tmp_path: Path, entry: Any) -> None:
    """Anyone can sign in its name; a demo takes it where it is asked for twice, by setting and by profile."""
    path = written(tmp_path, entry)
    with pytest.raises(BadInput, match="published"):
        TrustList(path, development=True).read()
    if entry.get("profile") != "sandbox":
        with pytest.raises(BadInput, match="published"):
            TrustList(path, development=True, sandbox=True).read()
    asked = written(tmp_path, entry | {"profile": "sandbox"})
    assert TrustList(asked, development=True, sandbox=True).read()[0].profile == "sandbox"


def test_a_demo_that_asks_for_the_sandbox_needs_no_entry() -> None:
    """Its keys are where the Sandbox says."""
    (sandbox,) = TrustList(None, development=True, sandbox=True).read()
    assert (sandbox.iss, sandbox.jku, sandbox.profile) == (SANDBOX, (SANDBOX_JWKS,), "sandbox")


def test_the_sandbox_setting_is_refused_outside_the_demo(tmp_path: Path) -> None:
    """However it came into the environment."""
    with pytest.raises(BadInput, match="published"):
        create_app(CdsSettings(var=tmp_path, trust_sandbox=True))
    assert create_app(CdsSettings(var=tmp_path, trust_sandbox=True, demo=True))
