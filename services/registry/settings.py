"""Every setting of the registry, with its reason. Only `app.py` and `commands.py` read them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.guidance.manifest import LONGEST_LEASE
from services.plumbing.settings import ServiceSettings


class RegistrySettings(ServiceSettings):
    """Settings of the registry (`KNOWDO_REGISTRY_…`)."""

    model_config = SettingsConfigDict(
        env_prefix="KNOWDO_REGISTRY_", extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    public_url: str = Field(
        default="http://127.0.0.1:8000/registry",
        pattern=r"^https?://",
        description="the address people and services use; named as issuer in every manifest",
    )
    also_at: tuple[str, ...] = Field(
        default=(),
        description='further addresses under which services reach it, e.g. ["http://registry:8001"]: audiences of their proofs',
    )
    database_url: str = Field(
        default="", description="people, votes, ledger, releases; empty: SQLite in `<var>/registry/registry.sqlite`"
    )
    key_file: Path | None = Field(
        default=None,
        description="private key that signs (JWK, mode 0600), made on first use; default `<var>/registry/signing-key.json`",
    )
    sealing_keys: SecretStr | None = Field(
        default=None,
        description="keys that secrets in the database are sealed with, 32 bytes in base64 a line, the first seals; by file: "
        "`…_SEALING_KEYS_FILE`; default: `<var>/registry/sealing-keys`, made on first use (mode 0600)",
    )
    trusted_keys_file: Path | None = Field(
        default=None, description="JWK set of further public keys shown at `/keys`, for a change of keys without a gap"
    )
    policy: Literal["standard", "demo"] | None = Field(
        default=None,
        description="sample floors; default `demo` in demo mode, else `standard`. Roles and gates are the same in both",
    )
    deploys: Literal["at once", "by decision"] | None = Field(
        default=None,
        description="when a vote lets a release speak: everywhere at once (the policies say so), or where operations decide",
    )
    # Two seconds: a worker asks again after a third of its lease, and not more often than five times a second.
    longest_lease_seconds: float | None = Field(
        default=None,
        ge=2,
        description="shortens every lease to that; a worker that hears nothing falls silent so much sooner",
    )
    organisation_file: Path | None = Field(
        default=None, description="JSON of the OpenID provider that people may sign in with; see the IT team's guide"
    )
    organisation_secret: SecretStr | None = Field(
        default=None,
        description="this registry's client secret at that provider; by file: `…_ORGANISATION_SECRET_FILE`",
    )
    second_factor: Literal["off", "offered", "required"] = Field(
        default="offered",
        description="codes of an app for who signs in with a local password: none can be added (those there are stay asked for), "
        "each person may, or must; `required` is recommended outside demonstrations",
    )
    second_factor_roles: tuple[str, ...] = Field(
        default=(),
        description='roles that `required` is about, e.g. ["clinical-reviewer", "operations"]; empty: everybody with a local password',
    )
    # A person clicks, a service reports each minute: whoever writes faster than this is out of order.
    writes_per_minute: int = Field(
        default=600, ge=10, description="writes that one person or service may make a minute"
    )
    # Thirteen months: a year and the time to look at it. It holds no patient data.
    access_days: int = Field(default=400, ge=1, description="days for which the record of accesses is kept")
    public_pages: bool = Field(
        default=True,
        description="whether anyone may read what is disclosed of guidance (the pages that cards link to, `/.well-known/dsi/…`); "
        "false: only with an account. They hold no patient data",
    )
    policy_file: Path | None = Field(
        default=None,
        description="an organisation's own policy (YAML or JSON): more roles by risk tier, larger samples, shorter terms "
        "than `standard`, never less; not in demo mode",
    )
    cds_url: str = Field(
        default="",
        pattern=r"^(https?://.*)?$",
        description="a CDS service that the Try page asks; empty: nothing can be tried",
    )
    cds_audience: str = Field(default="", description="its public URL, where that is not `cds_url`")
    smtp_host: str = Field(default="", description="mail server that notices go through; empty: no notices by e-mail")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="its port for submission")
    smtp_from: str = Field(
        default="", description="address that notices come from; needed where there is a mail server"
    )
    smtp_user: str = Field(default="", description="user at the mail server; empty: none is needed")
    smtp_password: SecretStr | None = Field(
        default=None, description="that user's password; by file: `…_SMTP_PASSWORD_FILE`"
    )
    smtp_starttls: bool = Field(
        default=True, description="whether mail goes by TLS only; false: in clear, for a relay on this machine"
    )
    smtp_ca_file: Path | None = Field(
        default=None, description="certificates (PEM) that the mail server's is checked by; default: the system's"
    )
    webhook_hosts: tuple[str, ...] = Field(
        default=(), description='hosts that notices may be posted to, e.g. ["hooks.example.org"]; empty: no webhooks'
    )
    webhook_networks: tuple[str, ...] = Field(
        default=(), description='private networks that these hosts may stand in, e.g. ["10.1.0.0/16"]'
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8001, description="port to listen on")

    @property
    def folder(self) -> Path:
        """Where the registry keeps its files."""
        return self.var / "registry"

    @property
    def database(self) -> str:
        """The database URL, or that of the embedded one."""
        return self.database_url or f"sqlite:///{self.folder.resolve() / 'registry.sqlite'}"

    @property
    def key_path(self) -> Path:
        """The file of the signing key."""
        return self.key_file or self.folder / "signing-key.json"

    @property
    def longest_lease(self) -> timedelta:
        """What no lease may exceed, whatever its risk tier allows."""
        given = self.longest_lease_seconds
        return LONGEST_LEASE if given is None else min(LONGEST_LEASE, timedelta(seconds=given))

    @property
    def policy_name(self) -> str:
        """The policy that governs."""
        return self.policy or ("demo" if self.demo else "standard")
