"""Every setting of Kith, in one typed place. The README's table is checked against this class."""

from functools import lru_cache
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingsError(Exception):
    """A setting has a value Kith cannot run with. The message is one sentence for the operator."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="KITH_", env_file=".env", extra="ignore", frozen=True)

    database_url: str = Field(
        "postgres://postgres@127.0.0.1:5432/kith",
        validation_alias="DATABASE_URL",
        description="PostgreSQL 18: `postgres://user:password@host:port/name`, or `?host=/socket/dir`.",
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias="REDIS_URL",
        description="Redis or Valkey: `redis://host:port/db`, `rediss://…` or `unix:///path/to.sock`.",
    )
    smtp_url: str = Field(
        "smtp://127.0.0.1:1025",
        validation_alias="SMTP_URL",
        description="Outgoing mail: `smtp://user:password@host:port` (STARTTLS when offered) or `smtps://…`.",
    )
    storage_url: str = Field(
        "file://./.kith/storage",
        validation_alias="STORAGE_URL",
        description="Where files are kept: `file:///directory` or `s3://bucket/prefix`.",
    )
    public_url: str = Field(
        "http://127.0.0.1:8000", description="The address people reach the API at; used in links."
    )
    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs links to files; 32 or more random characters, the same for every API process.",
    )
    mail_from: str = Field(
        "invoices@kith.example", description="Sender address when a legal entity has none of its own."
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Exact browser origins, comma separated, that may use the API with cookies or WebSockets.",
    )
    graphiql: bool = Field(default=True, description="Serve the analysts' page at /graphiql.")
    demo_login: str | None = Field(
        None,
        description="`email:password` that GraphiQL's log-in page offers; `kith dev` sets it, production never.",
    )
    introspection: Literal["everyone", "staff", "admins", "nobody"] = Field(
        "staff",
        description="Who may read the schema, and is told which name was perhaps meant: `everyone`, `staff` (who is "
        "logged in), `admins` or `nobody`.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names the API answers to, comma separated; any if empty. Health checks answer to all.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Bearer token that opens /metrics to Prometheus, 16 or more characters; without it the path does "
        "not exist.",
    )
    hsts_seconds: int = Field(
        0,
        ge=0,
        le=63_072_000,
        description="How long browsers shall insist on HTTPS (Strict-Transport-Security), in seconds; 0 says nothing.",
    )
    secure_cookies: bool = Field(
        default=False, description="Mark the session cookie Secure; set it when served over HTTPS."
    )
    access_token_minutes: int = Field(15, ge=1, le=1440, description="Life of an access token, in minutes.")
    refresh_token_days: int = Field(
        30, ge=1, le=365, description="Life of a refresh token or browser login, in days."
    )
    password_hashing: Literal["strong", "fast"] = Field(
        "strong",
        description="Work of one password check: `strong` (argon2id, 64 MB), or `fast` for automated tests only.",
    )
    database_pool: int = Field(
        10, ge=1, le=200, description="Most database connections of one process, apart from `KITH_READ_POOL`."
    )
    read_pool: int = Field(
        10, ge=1, le=200, description="Most connections of an API process for reads, one statement each."
    )
    max_upload_mb: int = Field(
        250, ge=1, le=2000, description="Largest file that may be uploaded for import, in MB."
    )
    max_upload_files: int = Field(10, ge=1, le=100, description="Most files in one request.")
    request_timeout_seconds: int = Field(
        30, ge=1, le=600, description="Deadline of one GraphQL operation, in seconds."
    )
    statement_timeout_seconds: int = Field(
        30, ge=1, le=600, description="Deadline of one SQL statement of the API, in seconds; jobs have none."
    )
    max_body_kb: int = Field(1024, ge=16, le=65536, description="Largest JSON request body, in KB.")
    max_document_kb: int = Field(
        64, ge=4, le=1024, description="Longest document, in thousands of characters."
    )
    max_tokens: int = Field(4000, ge=100, le=100_000, description="Most tokens a document may have.")
    max_depth: int = Field(20, ge=5, le=100, description="Most levels of fields in an operation.")
    max_fields: int = Field(
        1000,
        ge=50,
        le=20_000,
        description="Most fields of an operation, fragments counted as often as spread.",
    )
    max_aliases: int = Field(50, ge=1, le=1000, description="Most aliases of an operation.")
    max_root_fields: int = Field(20, ge=1, le=100, description="Most root fields of an operation.")
    max_directives: int = Field(50, ge=1, le=1000, description="Most directives in a document.")
    max_fragments: int = Field(100, ge=1, le=1000, description="Most fragments in a document.")
    max_cost: int = Field(
        20_000,
        ge=100,
        le=10_000_000,
        description="Most points one operation may come to: the objects in its pages, nested ones multiplied.",
    )
    cost_per_minute: int = Field(
        1_000_000,
        ge=0,
        le=1_000_000_000,
        description="Points one user may spend in a minute; 0 for no limit, as `kith dev` sets it.",
    )
    public_cost_per_minute: int = Field(
        10_000,
        ge=0,
        le=1_000_000_000,
        description="Points one address may spend in a minute without being logged in; a log-in is 10; 0 for no limit.",
    )
    persisted_queries: int = Field(
        10_000, ge=0, le=1_000_000, description="Most automatic persisted queries kept in Redis; 0 for none."
    )
    persisted_query_days: int = Field(
        30,
        ge=1,
        le=365,
        description="How long an automatic persisted query is kept after its last use, in days.",
    )
    trusted_documents: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Files of trusted documents, comma separated: the maps relay-compiler and graphql-codegen write.",
    )
    trusted_documents_only: bool = Field(
        default=False, description="Execute nothing but trusted documents. GraphiQL then has little to do."
    )
    event_history: int = Field(
        10_000,
        ge=100,
        le=1_000_000,
        description="Events kept in Redis, so that an interrupted subscription goes on where it was.",
    )
    max_socket_operations: int = Field(
        100, ge=1, le=10_000, description="Most operations that run on one WebSocket at once."
    )
    socket_greeting_seconds: int = Field(
        10,
        ge=1,
        le=600,
        description="How long a WebSocket may stay open before `connection_init`, in seconds.",
    )
    job_lease_seconds: int = Field(
        20,
        ge=2,
        le=600,
        description="How long a worker owns a job between heartbeats, in seconds; a transaction of a job may take 15 times that.",
    )
    job_sweep_seconds: float = Field(
        5.0, ge=0.1, le=60, description="How often workers look for due jobs and lapsed leases."
    )
    job_concurrency: int = Field(8, ge=1, le=100, description="Most jobs one worker runs at once.")
    job_max_attempts: int = Field(
        5, ge=1, le=50, description="Tries before a job is kept as DEAD for an admin."
    )
    job_retry_seconds: float = Field(
        2.0, ge=0.01, le=600, description="First pause between tries; it doubles, with jitter."
    )
    import_chunk_rows: int = Field(10_000, ge=1, le=100_000, description="Rows an import commits at once.")
    idempotency_hours: int = Field(
        48, ge=1, le=720, description="How long an Idempotency-Key is remembered, in hours."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )
    log_format: Literal["console", "json"] = Field("console", description="How log lines are written.")

    @field_validator("allowed_origins", "allowed_hosts", "trusted_documents", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("metrics_token", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        return value or None

    @field_validator("database_url", "redis_url", "smtp_url", "storage_url")
    @classmethod
    def _known_scheme(cls, value: str, info: object) -> str:
        schemes = {
            "database_url": ("postgres", "postgresql"),
            "redis_url": ("redis", "rediss", "unix"),
            "smtp_url": ("smtp", "smtps"),
            "storage_url": ("file", "s3"),
        }[getattr(info, "field_name", "")]
        if urlsplit(value).scheme not in schemes:
            raise ValueError(f"it must begin with {' or '.join(f'{s}://' for s in schemes)}")
        return value


@lru_cache(1)
def settings() -> Settings:
    """The settings of this process, read once. Raises SettingsError with a sentence naming the variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(dict(e)) for e in error.errors())) from None


def environment_name(field: str) -> str:
    """The environment variable that sets `field`."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"KITH_{field.upper()}"


def _sentence(problem: dict[str, object]) -> str:
    location = problem["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else "?"
    variable = environment_name(name) if name in Settings.model_fields else name
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{variable} has a value Kith cannot use ({problem.get('input')!r}): {reason}."
