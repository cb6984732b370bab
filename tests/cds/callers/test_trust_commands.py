"""`knowdo cds trust`: what an integrator types, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cds.commands import app
from services.guidance.errors import NotFound
from services.timeline.errors import BadInput
from tests.cds.callers.tokens import EC, ISS, RSA, STRANGER, jwks, token

URL = "https://cds.example"


class Typed:
    """The command line over one trust list."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "trust.json"
        (folder / "ehr.jwks").write_text(json.dumps(jwks(EC, RSA)))

    def __call__(self, *words: str, code: int = 0) -> str:
        """What is printed."""
        done = CliRunner().invoke(app, ["trust", *words, "--list", str(self.path)], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.output

    def add(self, *words: str) -> str:
        """Trust the client with its keys by hand."""
        return self("add", ISS, "--jwks", str(self.folder / "ehr.jwks"), *words)

    def explain(self, compact: str, *words: str, code: int) -> Any:
        """The verdicts on a token."""
        file = self.folder / "token.jwt"
        file.write_text(f"Authorization: Bearer {compact}\n")
        return json.loads(self("explain", str(file), *words, "--json", code=code))


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """A command line for a service at URL."""
    monkeypatch.setenv("KNOWDO_CDS_PUBLIC_URL", URL)
    return Typed(tmp_path)


def test_a_client_is_added_listed_replaced_and_removed(typed: Typed) -> None:
    """Everything that an entry holds can be typed, and is shown."""
    typed.add(
        *("--jku", "https://ehr.example/jwks.json", "--jku", "https://ehr.example/other.json", "--tenant", "north"),
        *("--audience", f"{URL}/typed", "--algorithm", "RS256", "--fhir-server", "https://fhir.example"),
        *("--profile", "epic"),
    )
    (listed,) = json.loads(typed("list", "--json"))
    assert listed == {
        "iss": ISS,
        "keys": {"ec": ["ES384"], "rsa": ["RS384", "RS256", "RS512", "PS256", "PS384", "PS512"]},
        "jku": ["https://ehr.example/jwks.json", "https://ehr.example/other.json"],
        "tenants": ["north"],
        "audiences": [f"{URL}/typed", f"{URL}/cds-services", URL],
        "algorithms": ["RS256"],
        "profile": "epic",
        "fhir_servers": ["https://fhir.example"],
    }
    for said in (ISS, "ec (ES384)", "https://ehr.example/other.json", "north", "epic", "https://fhir.example"):
        assert said in typed("list")
    typed.add()
    (listed,) = json.loads(typed("list", "--json"))
    assert (listed["profile"], listed["jku"], listed["algorithms"]) == ("default", [], ["ES384", "RS384"])
    typed("remove", ISS)
    assert json.loads(typed("list", "--json")) == []
    with pytest.raises(NotFound, match="is not in it"):
        typed("remove", ISS)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--profile", "nosuch"], "profile"),
        (["--algorithm", "none"], "no algorithm"),
        (["--jku", "http://ehr.example/jwks"], "not https"),
        (["--fhir-server", "fhir"], "not the base of a FHIR server"),
    ],
)
def test_a_trust_list_is_never_spoilt_by_an_addition_that_is_wrong(typed: Typed, words: list[str], why: str) -> None:
    """What cannot be leaves the list as it was, byte for byte; there is no moment in which it stands there."""
    with pytest.raises(BadInput, match=why):
        typed.add(*words)
    assert not typed.path.exists()
    typed.add()
    before = typed.path.read_bytes()
    with pytest.raises(BadInput, match=why):
        typed.add(*words)
    assert typed.path.read_bytes() == before


def test_the_public_sandbox_cannot_be_added(typed: Typed) -> None:
    """Its private key is published."""
    with pytest.raises(BadInput, match="published"):
        typed("add", "https://sandbox.cds-hooks.org", "--jku", "https://sandbox.cds-hooks.org/.well-known/jwks.json")


@pytest.mark.parametrize(
    ("words", "endpoint"),
    [
        (["--service", "tea-time"], "/cds-services/tea-time"),
        (["--service", "tea-time", "--feedback"], "/cds-services/tea-time/feedback"),
        ([], "/cds-services"),
    ],
)
def test_a_good_token_is_explained_for_each_endpoint(typed: Typed, words: list[str], endpoint: str) -> None:
    """Every check in order, with its verdict; replay is the service's to judge. The other endpoints refuse it."""
    typed.add()
    compact = token(aud=URL + endpoint)
    said = typed.explain(compact, *words, code=0)
    assert (said["accepted"], said["endpoint"]) == (True, endpoint)
    assert [(one["check"], one["verdict"]) for one in said["checks"]] == [
        *(
            (name, "good")
            for name in ("token", "issuer", "audience", "times", "tenant", "algorithm", "key", "signature")
        ),
        ("replay", "skipped"),
    ]
    other = typed.explain(compact, "--service", "coffee", code=1)
    assert [one["reason"] for one in other["checks"] if one["verdict"] == "refused"] == ["audience"]


def verdicts(said: Any) -> dict[str, str]:
    """Each check's reason, or its verdict."""
    return {one["check"]: one["reason"] or one["verdict"] for one in said["checks"]}


def test_a_refused_token_is_explained_as_far_as_can_be(typed: Typed) -> None:
    """All its faults at once, not one after the other; the token itself is never printed."""
    typed.add("--tenant", "north")
    bad = token(STRANGER, aud="https://other.example", now=1000, tenant="south")
    found = verdicts(typed.explain(bad, "--service", "tea-time", code=1))
    assert found == {
        "token": "good", "issuer": "good", "audience": "audience", "times": "expired", "tenant": "tenant",
        "algorithm": "good", "key": "good", "signature": "signature", "replay": "skipped",
    }  # fmt: skip
    plain = typed("explain", str(typed.folder / "token.jwt"), "--service", "tea-time", code=1)
    assert "refused  audience   the token is for 'https://other.example', not for https://cds.example/cds" in plain
    assert plain.endswith("Refused: audience\n")
    assert bad.rpartition(".")[2] not in plain
    assert verdicts(typed.explain("a.b.c", code=1))["token"] == "malformed"
    assert verdicts(typed.explain(token(iss="https://x.example"), code=1))["issuer"] == "unknown-issuer"
    assert verdicts(typed.explain(token(header={"jku": "https://x.example"}), code=1))["key"] == "key-set"


def test_a_token_is_explained_as_of_the_time_it_was_sent(typed: Typed) -> None:
    """Else every token of yesterday would only be called expired."""
    typed.add()
    old = token(aud=f"{URL}/cds-services", now=1_767_268_800)
    assert verdicts(typed.explain(old, code=1))["times"] == "expired"
    assert typed.explain(old, "--at", "2026-01-01T12:00:00Z", code=0)["accepted"]
    with pytest.raises(BadInput, match="no instant"):
        typed.explain(old, "--at", "soon", code=1)


def test_feedback_needs_its_service(typed: Typed) -> None:
    """The endpoint hangs below one."""
    typed.add()
    with pytest.raises(BadInput, match="which service"):
        typed.explain("x", "--feedback", code=1)
