"""The process and its database."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pannier.platform.settings.base import SettingsPart


class ServingSettings(SettingsPart):
    """How the shop is served, and where its data lie."""

    # Serving
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every network.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Worker processes that share the port.")
    shutdown_grace_s: float = Field(
        20.0, gt=0, le=600, description="Seconds that requests under way may take after SIGTERM."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body, in bytes.")
    max_header_bytes: int = Field(32_768, ge=1024, description="Largest sum of a request's headers, in bytes.")
    max_header_count: int = Field(100, ge=10, description="Most headers of a request.")
    access_log: Literal["off", "errors", "all"] = Field(
        "errors", description="Which requests are logged, one line each."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severity that is logged."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="Lines of JSON, or of text for people; `auto` writes text to a terminal, and JSON elsewhere.",
    )

    # Data
    data_dir: Path = Field(Path("pannier-data"), description="Folder of the embedded PostgreSQL and its log.")
    database_url: str | None = Field(None, description="A PostgreSQL 15 or newer to use instead of the embedded one.")
    database_schema: str = Field(
        "public", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="Schema that holds the shop's tables."
    )
    database_pool_size: int = Field(10, ge=2, le=200, description="Connections per worker process.")
    database_lock_timeout_s: float = Field(5.0, gt=0, description="Seconds that a statement waits for a lock.")
    database_statement_timeout_s: float = Field(30.0, gt=0, description="Seconds that a statement may take.")
    database_statement_cache: int = Field(
        100,
        ge=0,
        description="Prepared statements kept per connection; 0 behind a transaction pooler such as PgBouncer.",
    )
    batch_size_max: int = Field(32, ge=1, le=512, description="Most requests that share one statement.")
    batch_lanes: int = Field(
        0,
        ge=0,
        le=16,
        description="Writes that a worker process has under way at once; 0 is two for a single worker, else one each.",
    )
    import_max_bytes: int = Field(100_000_000, ge=1024, description="Largest file that an import reads, in bytes.")
