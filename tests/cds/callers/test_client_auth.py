"""Who may call: what a token must be, in which order that is asked, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.cds.callers.client_auth import Caller, ClientAuth
from services.cds.callers.demo_issuer import DemoIssuer
from services.cds.callers.refusal import TokenRefused
from services.cds.callers.trust_list import TrustedIssuer
from services.cds.decisions.records import Token
from tests.cds.callers.tokens import EC, ISS, P256, PATH, RSA, STRANGER, URL, issuer, public, token

pytestmark = pytest.mark.anyio

NOW = 1_767_268_800.0
TYPED = "https://typed.by.hand.example/cds"


def auth(*issuers: TrustedIssuer, **changes: Any) -> ClientAuth:
    """A checker whose clock stands at NOW."""
    fields: dict[str, Any] = {"public_url": URL, "clock": lambda: NOW}
    return ClientAuth(issuers, **(fields | changes))


def made(*words: Any, **changes: Any) -> str:
    """A token made at NOW."""
    return token(*words, now=NOW, **changes)


async def called(compact: str, checker: ClientAuth, path: str = PATH) -> Caller:
    """Whom the checker takes the bearer for."""
    return await checker.check([f"Bearer {compact}"], path)


async def refusal(compact: str, checker: ClientAuth, path: str = PATH) -> TokenRefused:
    """Why the checker refuses it."""
    with pytest.raises(TokenRefused) as refused:
        await called(compact, checker, path)
    return refused.value


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES384"), (RSA, "RS384")])
async def test_a_good_token_of_either_recommended_algorithm_is_taken(key: Any, alg: str) -> None:
    """ES384 and RS384, and what they say is who called."""
    caller = await called(
        made(key, alg, jti="j-1", tenant="north"), auth(issuer(fhir_servers=("https://fhir.example",)))
    )
    assert caller == Caller(
        iss=ISS,
        tenant="north",
        fhir_servers=("https://fhir.example",),
        token=Token(iss=ISS, jti="j-1", expires_at=int(NOW) + 360),
    )


@pytest.mark.parametrize(
    ("alg", "key"), [("RS256", RSA), ("PS256", RSA), ("PS384", RSA), ("RS512", RSA), ("PS512", RSA), ("ES256", P256)]
)
async def test_other_algorithms_of_key_pairs_are_taken_where_an_entry_says_so(alg: str, key: Any) -> None:
    """And nowhere else."""
    assert (await called(made(key, alg), auth(issuer(algorithms=frozenset({alg}))))).iss == ISS
    assert (await refusal(made(key, alg), auth(issuer()))).reason == "algorithm"
    assert (await refusal(made(EC), auth(issuer(algorithms=frozenset({alg}))))).reason == "algorithm"


@pytest.mark.parametrize(
    "aud", [URL + PATH, [URL + PATH, "x"], TYPED, [TYPED + "/"], URL + "//cds-services//tea-time", URL + PATH + "/"]
)
async def test_audiences_as_clients_write_them(aud: Any) -> None:
    """The endpoint, a list with it, what the site typed by hand, and the Sandbox's doubled slash."""
    assert (await called(made(aud=aud), auth(issuer(audiences=(TYPED,))))).iss == ISS


@pytest.mark.parametrize("kid", ["a+b/c==", "Zm9v/YmFy+w==", " ", "é", "x" * 256])
async def test_key_ids_as_clients_write_them(kid: str) -> None:
    """Epic's hold `+`, `/` and `=`; an id is compared and means nothing else."""
    key = type(EC).generate_key("P-384", {"kid": kid})
    assert (await called(made(key), auth(issuer(keys=public(key))))).iss == ISS


@pytest.mark.parametrize(
    ("make", "reason", "why"),
    [
        (lambda: made(iss="https://mallory.example"), "unknown-issuer", "not trusted"),
        (lambda: made(aud=URL + "/cds-services/coffee"), "audience", "not for"),
        (lambda: made(exp=NOW - 61, iat=NOW - 300), "expired", "expired 61 s ago"),
        (lambda: made(iat=NOW + 61), "not-yet-valid", "not valid yet"),
        (lambda: made(nbf=NOW + 61), "not-yet-valid", "not valid yet"),
        (lambda: made(exp=NOW + 3700), "lifetime", "lives 3705 s"),
        (lambda: made(exp=NOW - 10, iat=NOW), "lifetime", "lives -10 s"),
        (lambda: made(STRANGER), "signature", "signature"),
        (lambda: made(header={"kid": "unknown"}), "unknown-key", "is not one of"),
        (lambda: made(EC, header={"kid": "rsa"}), "algorithm", "is fit for RS384"),
    ],
)
async def test_a_wrong_token_is_refused_and_the_reason_is_for_the_log(
    make: Callable[[], str], reason: str, why: str
) -> None:
    """Each in its own words, so that the person who must mend it finds out."""
    refused = await refusal(make(), auth(issuer()))
    assert refused.reason == reason
    assert why in f"{refused.message} {refused.remedy}"


@pytest.mark.parametrize("leeway", [{"iat": NOW + 59}, {"nbf": NOW + 59}, {"exp": NOW - 59, "iat": NOW - 300}])
async def test_clocks_may_differ_by_a_minute(leeway: dict[str, float]) -> None:
    """For each of the three times."""
    assert (await called(made(**leeway), auth(issuer()))).iss == ISS


async def test_the_checks_come_in_the_order_of_the_specification() -> None:
    """A token with every fault is refused for the first; mended one by one, it is refused for the next."""
    faults: dict[str, Any] = {"iss": "x", "aud": "x", "exp": NOW - 900, "iat": NOW - 1000, "tenant": "south"}
    checker, reasons = auth(issuer(tenants=frozenset({"north"}))), []
    for mended in (None, "iss", "aud", "exp", "tenant"):
        if mended is not None:
            del faults[mended]
            faults.pop("iat") if mended == "exp" else None
            faults |= {"tenant": "north"} if mended == "tenant" else {}
        reasons.append((await refusal(made(STRANGER, jti="1", **faults), checker)).reason)
    assert reasons == ["unknown-issuer", "audience", "expired", "tenant", "signature"]
    assert (await called(made(jti="1", tenant="north"), checker)).tenant == "north"
    assert (await refusal(made(jti="1", tenant="north"), checker)).reason == "replayed"


async def test_tenants_are_those_of_the_entry_or_any() -> None:
    """An entry that names tenants takes no token without one."""
    some, any_ = auth(issuer(tenants=frozenset({"north", "east"}))), auth(issuer())
    assert (await called(made(tenant="east"), some)).tenant == "east"
    assert (await refusal(made(tenant="North"), some)).reason == "tenant"
    assert (await refusal(made(), some)).reason == "tenant"
    assert (await called(made(tenant="anywhere"), any_)).tenant == "anywhere"
    assert (await called(made(), any_)).tenant == ""


@pytest.mark.parametrize(
    "shown", [[], [""], ["Bearer"], ["Bearer "], ["Basic dXNlcjpwYXNz"], ["Token x"], ["Bearer a", "Bearer b"]]
)
async def test_no_bearer_token_is_no_caller(shown: Sequence[str]) -> None:
    """Whatever else stands there; two tokens are none, for another reader might take the other."""
    with pytest.raises(TokenRefused) as refused:
        await auth(issuer()).check(shown, PATH)
    assert refused.value.reason == "no-token"


async def test_a_token_is_good_once() -> None:
    """A replay is refused: by the same process, and by the one that is told what it saw; another issuer's is its own."""
    other = issuer(iss="https://other.example")
    first = auth(issuer(), other)
    caller = await called(made(jti="j-1"), first)
    assert (await refusal(made(jti="j-1"), first)).reason == "replayed"
    second = auth(issuer(), other)
    assert caller.token is not None
    second.remember([caller.token])
    assert (await refusal(made(jti="j-1"), second)).reason == "replayed"
    assert (await called(made(jti="j-2"), second)).iss == ISS
    assert (await called(made(jti="j-1", iss=other.iss), second)).iss == other.iss


async def test_a_refused_token_is_not_remembered() -> None:
    """A stranger cannot use up a client's token by sending its claims first."""
    checker = auth(issuer())
    assert (await refusal(made(STRANGER, jti="j-1"), checker)).reason == "signature"
    assert (await called(made(jti="j-1"), checker)).iss == ISS


async def test_a_refusal_is_counted_and_says_what_the_log_may_say() -> None:
    """Issuer, tenant and jti; nothing of a token that could not be read, and never the token."""
    counted: list[str] = []
    checker = auth(issuer(), on_refused=counted.append)
    compact = made(STRANGER, jti="j-1", tenant="north")
    refused = await refusal(compact, checker)
    assert refused.facts == {"iss": ISS, "tenant": "north", "jti": "j-1"}
    assert compact.rpartition(".")[2] not in f"{refused} {refused.facts} {refused.place}"
    assert (await refusal("a.b.c", checker)).facts == {}
    caller = await called(made(jti="j-2"), checker)
    assert checker.replayed(caller).facts == {"iss": ISS, "tenant": "", "jti": "j-2"}
    assert counted == ["signature", "malformed", "replayed"]


async def test_without_a_trusted_issuer_every_call_is_refused_and_the_log_says_what_to_do() -> None:
    """Authentication is on by default."""
    refused = await refusal(made(), auth())
    assert "no CDS client is trusted yet" in refused.message
    assert "knowdo cds trust add" in refused.remedy


async def test_an_open_service_asks_nobody() -> None:
    """Only the demo may be open; `app` refuses it otherwise."""
    assert (await auth(open_to_all=True).check([], PATH)).token is None


async def test_who_is_trusted_may_change_between_two_calls() -> None:
    """Added from the next call on, removed from the next call on; what was seen stays seen."""
    checker = auth()
    assert (await refusal(made(jti="1"), checker)).reason == "unknown-issuer"
    checker.trust([issuer()])
    assert (await called(made(jti="1"), checker)).iss == ISS
    checker.trust([])
    assert (await refusal(made(jti="2"), checker)).reason == "unknown-issuer"
    checker.trust([issuer()])
    assert (await refusal(made(jti="1"), checker)).reason == "replayed"


async def test_the_demo_issuer_walks_through_the_same_door(tmp_path: Path) -> None:
    """Its key is made once, readable by its owner alone, and its tokens are taken."""
    demo = DemoIssuer.load_or_create(tmp_path / "demo.json")
    assert (tmp_path / "demo.json").stat().st_mode & 0o077 == 0
    again = DemoIssuer.load_or_create(tmp_path / "demo.json")
    caller = await called(again.token(URL + PATH, now=NOW), auth(demo.trusted()))
    assert caller.profile == "demo"


def test_private_members_do_not_leave_the_demo_issuer(tmp_path: Path) -> None:
    """Its JWK set is public."""
    assert "d" not in str(DemoIssuer.load_or_create(tmp_path / "demo.json").jwks()["keys"]).split("'")
