"""What the settings of Prefect are called here, and what is said of those that are not here."""

from __future__ import annotations

from collections.abc import Iterable

from flowstone.settings.declared import PREFIX, VARIABLES, variable

THEIRS = "PREFECT_"
MOVED = {
    "DEFAULT_RESULT_STORAGE_BLOCK": "results.default_storage",
    "FLOW_DEFAULT_RETRIES": "flows.default_retries",
    "FLOW_DEFAULT_RETRY_DELAY_SECONDS": "flows.default_retry_delay_seconds",
    "LOCAL_STORAGE_PATH": "results.local_storage_path",
    "LOGGING_SETTINGS_PATH": "logging.config_path",
    "LOGGING_TO_API_MAX_LOG_SIZE": "logging.max_line_bytes",
    "RESULTS_DEFAULT_STORAGE_BLOCK": "results.default_storage",
    "TASKS_DEFAULT_PERSIST_RESULTS": "tasks.default_persist_result",
    "TASK_DEFAULT_RETRIES": "tasks.default_retries",
    "TASK_DEFAULT_RETRY_DELAY_SECONDS": "tasks.default_retry_delay_seconds",
    "TASK_RUNNER_THREAD_POOL_MAX_WORKERS": "tasks.runner.thread_pool_max_workers",
}
"""By the rest of the variable: the setting that does the same here, under another name."""
_NO_SERVER = "No server is needed to run tasks."
_INSTEAD = (
    ("API_AUTH_STRING", f"Make a token (flowstone token create), and set {PREFIX}API_KEY to it."),
    ("SERVER_API_AUTH_STRING", "Make tokens instead: flowstone token create."),
    ("API_", _NO_SERVER),
    ("CLIENT_", _NO_SERVER),
    ("CLOUD_", _NO_SERVER),
    ("DEBUG_MODE", f"Set {PREFIX}LOGGING_LEVEL=DEBUG."),
    ("LOGGING_TO_API_", "Lines are written to the log of the process; nothing is sent."),
    ("SERVER_", _NO_SERVER),
    ("UI_", _NO_SERVER),
)
"""By how the rest of the variable begins."""


def twin(key: str) -> str | None:
    """Return the setting that a variable means, by a name of Prefect; None where there is none."""
    for prefix in (THEIRS, PREFIX):
        if key.startswith(prefix):
            rest = key.removeprefix(prefix)
            return VARIABLES.get(PREFIX + rest) or MOVED.get(rest)
    return None


def remarks(environ: Iterable[str]) -> list[str]:
    """Return a sentence for each variable of Prefect: what it is called here, or that it is not."""
    return [_remark(key) for key in sorted(environ) if key.startswith(THEIRS)]


def _remark(key: str) -> str:
    name = twin(key)
    if name is not None:
        return f"{key} is not read; here it is {variable(name)}."
    rest = key.removeprefix(THEIRS)
    instead = next((text for start, text in _INSTEAD if rest.startswith(start)), "")
    return f"{key} is not read, and has no twin here. {instead}".rstrip()
