"""Every setting there is: the frozen object that holds them, and what each may be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import msgspec

from flowstone.settings import kinds
from flowstone.settings.kinds import Delays, Kind, SettingsError, Sync, WhenAway, text_of

PREFIX = "FLOWSTONE_"
_MIB = 1 << 20


def default_home() -> str:
    """Return the home of a user who set none: `~/.flowstone`."""
    return os.path.expanduser("~/.flowstone")


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a process writes its log."""

    sync: Sync = "none"
    buffer_bytes: int = 64 * _MIB
    segment_bytes: int = 64 * _MIB


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged and shown. `colors` is None where the terminal decides.

    The records of `extra_loggers` are kept with the run too. `config_path` is None where the home
    has its usual one, or none. `max_line_bytes` of a line are kept in the log.
    """

    level: int = 20  # logging.INFO; importing logging would cost each start 8 ms
    colors: bool | None = None
    markup: bool = False
    json: bool = False
    log_prints: bool = False
    extra_loggers: tuple[str, ...] = ()
    config_path: str | None = None
    max_line_bytes: int = 1_000_000


class RunnerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many workers task runners have that were given no number; None for no bound."""

    thread_pool_max_workers: int | None = None
    process_pool_max_workers: int | None = None


class RetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The retries of what is declared without any."""

    default_retries: int = 0
    default_retry_delay_seconds: Delays = 0.0


class TaskSettings(RetrySettings, frozen=True, kw_only=True):
    """What holds for tasks that do not say otherwise; `disable_caching` holds for all.

    `default_persist_result` is None where `results.persist_by_default` decides.
    """

    default_persist_result: bool | None = None
    default_no_cache: bool = False
    disable_caching: bool = False
    refresh_cache: bool = False
    runner: RunnerSettings = RunnerSettings()


class FlowSettings(RetrySettings, frozen=True, kw_only=True):
    """The retries of flows, and what a flow run that is stopped does."""

    stop_grace_seconds: float = 5.0


class ResultSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which results are kept, how, and where.

    `default_storage` is a URL or a path, None for `local_storage_path`; that is None for the
    directory `results` in the home. `max_age_seconds` and `max_bytes` bound what a storage keeps,
    None for no bound: what is too old goes, then the oldest of the rest.
    """

    persist_by_default: bool = False
    default_serializer: str = "pickle"
    default_storage: str | None = None
    local_storage_path: str | None = None
    max_age_seconds: float | None = None
    max_bytes: int | None = None


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The server that this process reports to and reads from: None for none, the home alone.

    `key` is a token of that server; `ssl_cert_file` has the certificates to trust beside the
    usual ones. A process that ends sends what it recorded for at most `exit_seconds` more. A client
    waits `request_timeout` seconds for an answer.
    """

    url: str | None = None
    key: str | None = None
    ssl_cert_file: str | None = None
    exit_seconds: float = 5.0
    request_timeout: float = 60.0


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How often a client asks again where the server is away for a moment."""

    max_retries: int = 5


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What runs do that need a slot while the server that gives them cannot be reached."""

    when_away: WhenAway = "wait"


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """For how many days things are kept, 0 for ever.

    A run is kept for so long after its end, and with it those that it called. Its lines and
    artifacts go with it at the latest.
    """

    runs_days: float = 90.0
    log_lines_days: float = 90.0
    artifacts_days: float = 90.0


class ServerApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server listens, and under which names it may be asked for.

    With `ssl_certfile` and `ssl_keyfile` it speaks TLS. `allowed_hosts` are names beside those of
    this machine that a request may be sent to.
    """

    host: str = "127.0.0.1"
    port: int = 4840
    allowed_hosts: tuple[str, ...] = ()
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None


class ServerDatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The database of a server; None for that of the home."""

    connection_url: str | None = None


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server does that is started here."""

    api: ServerApiSettings = ServerApiSettings()
    database: ServerDatabaseSettings = ServerDatabaseSettings()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. `live` is None where the command decides: `run` says yes.

    `profile` is None where none is in force; `profiles_path` is None for `profiles.toml` in the
    home.
    """

    home: str = msgspec.field(default_factory=default_home)
    profile: str | None = None
    profiles_path: str | None = None
    live: bool | None = None
    log: LogSettings = LogSettings()
    logging: LoggingSettings = LoggingSettings()
    tasks: TaskSettings = TaskSettings()
    flows: FlowSettings = FlowSettings()
    results: ResultSettings = ResultSettings()
    api: ApiSettings = ApiSettings()
    client: ClientSettings = ClientSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
    server: ServerSettings = ServerSettings()

    def value_of(self, name: str) -> Any:
        """Return the value of a setting by its dotted name."""
        value: Any = self
        for part in name.split("."):
            value = getattr(value, part)
        return value

    def copy_with_update(
        self,
        updates: Mapping[Any, Any] | None = None,
        set_defaults: Mapping[Any, Any] | None = None,
        restore_defaults: Iterable[Any] | None = None,
    ) -> Settings:
        """Return these settings with others put in.

        `restore_defaults` get their defaults back, `set_defaults` go where a setting has its
        default, `updates` win over both. Each key is a dotted name, a variable, or a setting
        object. Raises `SettingsError` for a key that is no setting and for a value that cannot be.
        """
        usual = Settings()
        values = {name: usual.value_of(name) for name in map(name_of, restore_defaults or ())}
        for key, value in (set_defaults or {}).items():
            name = name_of(key)
            if name not in values and self.value_of(name) == usual.value_of(name):
                values[name] = checked(name, value)
        for key, value in (updates or {}).items():
            name = name_of(key)
            values[name] = checked(name, value)
        changed: Settings = updated(self, values)
        return changed

    def to_environment_variables(self, *, exclude_unset: bool = False) -> dict[str, str]:
        """Return the variables that give another process these settings.

        `exclude_unset` leaves out those that have their default; None has no variable.
        """
        usual = Settings()
        values = {name: self.value_of(name) for name in KNOWN}
        return {
            variable(name): text_of(value)
            for name, value in values.items()
            if value is not None and not (exclude_unset and value == usual.value_of(name))
        }


KNOWN: dict[str, Kind] = {
    "home": kinds.A_DIRECTORY,
    "profile": kinds.A_TEXT,
    "profiles_path": kinds.A_PATH,
    "live": kinds.A_BOOLEAN,
    "log.sync": kinds.A_SYNC,
    "log.buffer_bytes": kinds.A_SIZE,
    "log.segment_bytes": kinds.A_SIZE,
    "logging.level": kinds.A_LEVEL,
    "logging.colors": kinds.A_BOOLEAN,
    "logging.markup": kinds.A_BOOLEAN,
    "logging.json": kinds.A_BOOLEAN,
    "logging.log_prints": kinds.A_BOOLEAN,
    "logging.extra_loggers": kinds.SOME_NAMES,
    "logging.config_path": kinds.A_PATH,
    "logging.max_line_bytes": kinds.A_LINE_SIZE,
    "tasks.default_retries": kinds.A_COUNT,
    "tasks.default_retry_delay_seconds": kinds.SOME_DELAYS,
    "tasks.default_persist_result": kinds.A_BOOLEAN,
    "tasks.default_no_cache": kinds.A_BOOLEAN,
    "tasks.disable_caching": kinds.A_BOOLEAN,
    "tasks.refresh_cache": kinds.A_BOOLEAN,
    "tasks.runner.thread_pool_max_workers": kinds.A_POSITIVE,
    "tasks.runner.process_pool_max_workers": kinds.A_POSITIVE,
    "flows.default_retries": kinds.A_COUNT,
    "flows.default_retry_delay_seconds": kinds.SOME_DELAYS,
    "flows.stop_grace_seconds": kinds.SECONDS,
    "results.persist_by_default": kinds.A_BOOLEAN,
    "results.default_serializer": kinds.A_TEXT,
    "results.default_storage": kinds.A_TEXT,
    "results.local_storage_path": kinds.A_DIRECTORY,
    "results.max_age_seconds": kinds.SECONDS,
    "results.max_bytes": kinds.A_SIZE,
    "api.url": kinds.A_URL,
    "api.key": kinds.A_TEXT,
    "api.ssl_cert_file": kinds.A_PATH,
    "api.exit_seconds": kinds.SECONDS,
    "api.request_timeout": kinds.SECONDS,
    "client.max_retries": kinds.A_COUNT,
    "limits.when_away": kinds.A_WAY,
    "retention.runs_days": kinds.DAYS,
    "retention.log_lines_days": kinds.DAYS,
    "retention.artifacts_days": kinds.DAYS,
    "server.api.host": kinds.A_TEXT,
    "server.api.port": kinds.A_PORT,
    "server.api.allowed_hosts": kinds.SOME_NAMES,
    "server.api.ssl_certfile": kinds.A_PATH,
    "server.api.ssl_keyfile": kinds.A_PATH,
    "server.database.connection_url": kinds.A_TEXT,
}
"""Every setting by its dotted name, in the order to show them."""


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.replace(".", "_").upper()


VARIABLES = {variable(name): name for name in KNOWN}
"""The dotted name of every setting by its variable."""


def name_of(key: Any) -> str:
    """Return the dotted name that a key means: one itself, a variable, or a setting object.

    Raises `SettingsError` where it means none.
    """
    text = str(getattr(key, "accessor", key))
    name = VARIABLES.get(text, text)
    if name not in KNOWN:
        message = f"{text!r} is no setting.{nearest(text)}"
        raise SettingsError(message)
    return name


def nearest(key: str) -> str:
    """Return ` Did you mean …?` for the setting that is nearest to a key that is none."""
    # Loaded on the way to a complaint only: 2 ms of `difflib` else.
    known = import_module("flowstone.settings.elsewhere").twin(key)
    if known is not None:
        return f" Did you mean {variable(known)!r}?"
    names = VARIABLES if key.isupper() else KNOWN
    return str(import_module("flowstone.core.suggestion").suggestion(key, names))


def parsed(name: str, label: str, value: Any) -> Any:
    """Return the value of a setting from what a source has for it.

    Raises `SettingsError` where it cannot be; `label` says where it stands.
    """
    try:
        return KNOWN[name].parse(text_of(value).strip())
    except (ValueError, KeyError) as error:
        message = f"{label} is {value!r}; it must be {KNOWN[name].allowed}"
        raise SettingsError(message) from error


def checked(name: str, value: Any) -> Any:
    """Return a value that code gives for a setting; None only where that is the default."""
    if value is None and Settings().value_of(name) is None:
        return None
    return parsed(name, name, value)


def updated(settings: Any, values: Mapping[str, Any]) -> Any:
    """Return settings, or a part of them, with these values by their dotted names."""
    direct: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        part, _, rest = name.partition(".")
        if rest:
            inner.setdefault(part, {})[rest] = value
        else:
            direct[part] = value
    for part, changes in inner.items():
        direct[part] = updated(getattr(settings, part), changes)
    return msgspec.structs.replace(settings, **direct) if direct else settings
