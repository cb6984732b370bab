"""The base of every service's settings: environment variables, secrets from files, and a fault for a misspelt one.

Only a service's `app.py` reads settings; everything below receives values.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services.timeline.errors import BadInput


class ServiceSettings(BaseSettings):
    """What every service is told. A subclass sets `env_prefix` (e.g. `KNOWDO_CDS_`) and adds its own fields.

    Any field may also come from a file: `KNOWDO_CDS_TOKEN_FILE=/run/secrets/token` fills `token`.
    """

    model_config = SettingsConfigDict(
        env_prefix="KNOWDO_", extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    var: Path = Field(
        default=Path("var"),
        validation_alias="KNOWDO_VAR",
        description="folder for everything that is kept on this machine",
    )
    demo: bool = Field(
        default=False,
        validation_alias="KNOWDO_DEMO",
        description="demo mode: generated credentials and the demo policy, said loudly everywhere",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        validation_alias="KNOWDO_LOG_LEVEL",
        description="least severe line that is logged",
    )

    traces_url: str = Field(
        default="",
        validation_alias="KNOWDO_TRACES_URL",
        description="OpenTelemetry collector that traces go to, e.g. http://collector:4318/v1/traces; empty: no traces",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the code says, then the environment, then `*_FILE` files; nothing else."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; a variable with our prefix that no setting answers to is a fault, not a silence."""
        prefix = cls.model_config.get("env_prefix", "")
        known = {f"{prefix}{name}".upper() for name in cls.model_fields}
        known |= {f"{name}_FILE" for name in known}
        # The base prefix is shared by all services, so only a service's own prefix can be checked.
        if prefix != "KNOWDO_":
            stray = sorted(name for name in os.environ if name.startswith(prefix) and name not in known)
            if stray:
                raise BadInput(
                    "no such setting: " + ", ".join(stray),
                    place="environment",
                    remedy="Known settings: " + ", ".join(sorted(n for n in known if not n.endswith("_FILE"))),
                )
        try:
            return cls()
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise BadInput(faults, place="settings", remedy=f"Mend the {prefix}… variables named") from error


class _SecretFiles(PydanticBaseSettingsSource):
    """Fills a field from the file named by `<PREFIX><FIELD>_FILE`, as container secrets are mounted."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        prefix = self.config.get("env_prefix", "")
        path = os.environ.get(f"{prefix}{field_name}_FILE".upper())
        if path is None or f"{field_name}_file" in self.settings_cls.model_fields:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as error:
            raise BadInput(
                f"cannot read {path}: {error.strerror}",
                place=f"{prefix}{field_name}_FILE".upper(),
                remedy="Mount the file, or make it readable by this user",
            ) from error

    def __call__(self) -> dict[str, Any]:
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(field, name)
            if value is not None:
                found[name] = value
        return found
