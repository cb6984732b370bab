"""Every setting of the CDS service, with its reason. Only `app.py` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.plumbing.settings import ServiceSettings
from services.timeline.errors import BadInput


class CdsSettings(ServiceSettings):
    """Settings of the CDS service (`KNOWDO_CDS_…`)."""

    model_config = SettingsConfigDict(
        env_prefix="KNOWDO_CDS_", extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    public_url: str = Field(
        default="http://127.0.0.1:8000",
        pattern=r"^https?://",
        description="the address EHRs call; a token's audience must be one of its endpoints",
    )
    database_url: str = Field(default="", description="decision log; empty: SQLite in `<var>/cds/decisions.sqlite`")
    # A year and a month: outcomes of a year can still be joined to the decision by patient.
    identified_days: int = Field(
        default=400, ge=1, description="days after which patient, user and sources of a decision become pseudonyms"
    )
    # Seven years: longer than most limitation periods; shorten it where your law says so.
    kept_days: int = Field(default=2557, ge=1, description="days after which decisions and feedback are deleted")
    pseudonym_key: SecretStr | None = Field(
        default=None,
        description="key of the pseudonyms; the same on every machine of one log; empty: `<var>/cds/pseudonym.key`",
    )
    site: str = Field(default="", description="the site answered for; a manifest says at which sites guidance speaks")
    worker: str = Field(
        default="cds",
        max_length=60,
        description="name of this service at the registry; each worker process adds its place to it",
    )

    terminology: Path | None = Field(
        default=None,
        description="folder of the site's ConceptMap resources (*.json) and `ingredients.csv`; the one the learner has",
    )

    registry_url: str = Field(default="", description="the registry; empty: serve from the cache until its leases end")
    token: SecretStr | None = Field(default=None, description="what this service shows to the registry")
    key_file: Path | None = Field(
        default=None,
        description="private key (JWK or PEM, mode 0600) that proves this service to the registry; no token then",
    )
    registry_client: str = Field(default="", description="this service's name at the registry, with `key_file`")
    registry_audience: str = Field(
        default="",
        description="audience of such a proof; default `<registry_url>/token`, needed where its public address differs",
    )
    registry_keys_file: Path | None = Field(
        default=None,
        description="JWK set of the registry's public keys; default `<var>/cds/registry-keys.json`, required unless demo",
    )

    trusted_issuers_file: Path | None = Field(
        default=None,
        description="JSON list of the CDS clients that may call, as `knowdo cds trust` writes it; a change is taken up",
    )
    # Everyone has the private key of the public Sandbox: good for a first look, never for patients.
    trust_sandbox: bool = Field(
        default=False, description="trust the public CDS Hooks Sandbox; refused unless KNOWDO_DEMO is true"
    )
    # Discovery holds no patient data, and most clients ask for it without a token.
    discovery_needs_token: bool = Field(
        default=False, description="answer discovery only with a token, whose audience is the discovery URL"
    )
    # Whoever may name an address could make us ask machines that only we can reach.
    client_profiles: Path | None = Field(
        default=None,
        description="folder of this site's client profiles (*.yaml): prefetch keys, audiences, agreed system actions",
    )
    open: bool = Field(default=False, description="answer callers without a token; refused unless KNOWDO_DEMO is true")
    export_token: SecretStr | None = Field(default=None, description="what the learner shows to read decisions")
    auditor_token: SecretStr | None = Field(
        default=None, description="what an auditor shows to read decisions at /fhir; empty: nobody reads there"
    )

    # Whoever may name an address could make us ask machines that only we can reach.
    private_networks: tuple[str, ...] = Field(
        default=(), description='private networks that FHIR servers and key sets may be in, e.g. ["10.1.0.0/16"]'
    )
    fhir_servers: tuple[str, ...] = Field(
        default=(),
        description='origins that missing prefetch may be fetched from, e.g. ["https://fhir.hospital.example"]',
    )
    # CDS Hooks asks for an answer within 500 ms; a fetch may take most of that and no more.
    fetch_milliseconds: int = Field(default=400, ge=0, le=10_000, description="budget of one call for fetching, in ms")
    fetch_megabytes: float = Field(default=5.0, gt=0, description="largest answer taken from a FHIR server, in MB")
    # All keys of a long stay together; more would hold up the calls beside it.
    fetch_call_megabytes: float = Field(default=20.0, gt=0, description="most that one call may fetch in all, in MB")

    evidence_url: str = Field(
        default="{public_url}/registry/releases/{digest}/page",
        description="where a card's source leads; `{public_url}` and `{digest}` are filled in",
    )
    topic_system: str = Field(default="urn:knowdo:guidance", description="code system of a card's topic")
    # Callers prove themselves with a token, not a cookie, so any page may ask.
    cors_origins: tuple[str, ...] = Field(default=("*",), description="browser origins that may call")
    report_seconds: float = Field(default=60.0, gt=0, description="how often counts go to the registry")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, description="port to listen on")

    @model_validator(mode="after")
    def _no_shorter_than_identified(self) -> Self:
        """What is deleted before it would be pseudonymised is a slip, not a wish."""
        if self.kept_days < self.identified_days:
            raise ValueError("kept_days is shorter than identified_days")
        return self

    @property
    def decisions_url(self) -> str:
        """Where the decision log is."""
        return self.database_url or f"sqlite:///{(self.var / 'cds' / 'decisions.sqlite').resolve()}"

    @property
    def evidence_page(self) -> str:
        """Where a card's source leads, with `{digest}` still to be filled in."""
        return self.evidence_url.replace("{public_url}", self.public_url.rstrip("/"))

    def refuse_demo_ways(self) -> None:
        """BadInput where something is set that is for the demo only, and this is none."""
        if self.open and not self.demo:
            raise BadInput(
                "a service that answers anyone is for the demo only",
                place="KNOWDO_CDS_OPEN",
                remedy="Name the clients that may call: `knowdo cds trust add --help`",
            )
        if self.trust_sandbox and not self.demo:
            raise BadInput(
                "the private key of the public Sandbox is published: anyone could sign in its name",
                place="KNOWDO_CDS_TRUST_SANDBOX",
                remedy="Unset it; it is for the demo only",
            )
