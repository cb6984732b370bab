"""Every setting of the learner, with its reason. Only `app.py` and the commands read them."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.learner.engines.engine import HERE, EngineName
from services.plumbing.settings import ServiceSettings


class LearnerSettings(ServiceSettings):
    """Settings of the learner (`KNOWDO_LEARNER_…`)."""

    model_config = SettingsConfigDict(
        env_prefix="KNOWDO_LEARNER_", extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    database_url: str = Field(default="", description="run log; empty: SQLite in `<var>/learner/runs.sqlite`")
    store: Path | None = Field(default=None, description="event store; default `<var>/learner/store`")
    terminology: Path | None = Field(
        default=None,
        description="folder of the site's ConceptMap resources (*.json) and `ingredients.csv`; the one the CDS has",
    )
    runs: Path | None = Field(default=None, description="files of runs; default `<var>/learner/runs`")
    guidance: tuple[Path, ...] = Field(
        default=(),
        description="folders whose sub-folders are guidance that a run started over HTTP may name, besides the library",
    )
    mlflow_tracking_uri: str = Field(
        default="",
        validation_alias=AliasChoices("KNOWDO_MLFLOW_TRACKING_URI"),
        description="where MLflow keeps runs and models; empty: SQLite in `<var>/mlflow/mlflow.db`, files beside it",
    )
    registry_url: str = Field(default="", description="the registry that releases are proposed to")
    token: SecretStr | None = Field(default=None, description="what the learner shows to the registry")
    key_file: Path | None = Field(
        default=None,
        description="private key (JWK or PEM, mode 0600) that proves the learner to the registry; no token then",
    )
    registry_client: str = Field(default="", description="the learner's name at the registry, with `key_file`")
    registry_audience: str = Field(
        default="",
        description="audience of such a proof; default `<registry_url>/token`, needed where its public address differs",
    )
    api_token: SecretStr | None = Field(
        default=None, description="what a caller must show to start a run over HTTP; empty: nobody can, unless demo"
    )
    private_networks: tuple[str, ...] = Field(
        default=(), description='private networks that a FHIR server fetched from may be in, e.g. ["10.1.0.0/16"]'
    )
    # Each worker holds one bucket: on a small machine fewer workers need less memory.
    workers: int | None = Field(default=None, ge=1, description="worker processes; default: one for each core")
    # Long enough for a disk that stalls, short enough that nobody waits long for a machine that has died.
    job_lease: float = Field(
        default=30.0, ge=1, le=600, description="seconds after which a job is taken from a process that is not heard of"
    )
    engine: EngineName = Field(
        default="processes", description="where commands do their work: `embedded`, `processes` or `spark`"
    )
    spark_master: str = Field(default=HERE, description="master of Spark, where the engine is `spark`")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8002, description="port to listen on")

    @property
    def store_folder(self) -> Path:
        """Where the event store is."""
        return self.store or self.var / "learner" / "store"

    @property
    def runs_folder(self) -> Path:
        """Where the files of runs go."""
        return self.runs or self.var / "learner" / "runs"

    @property
    def run_log_url(self) -> str:
        """Where the run log is."""
        return self.database_url or f"sqlite:///{self.var / 'learner' / 'runs.sqlite'}"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and models."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.var / 'mlflow' / 'mlflow.db'}"
