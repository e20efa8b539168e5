"""How our log messages look: one line each, as text or as JSON, on stderr."""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from runtime.printable import printable
from runtime.settings import Settings

_QUIET = (
    "temporalio",
    "asyncio",
    "aiosqlite",
    "sqlalchemy",
    "alembic",
    "uvicorn",
    "nicegui",
    "engineio",
    "socketio",
    "httpx",
    "httpcore",
)
"""Libraries whose own messages matter from WARNING on."""
_OURS_WITHIN_SDK = ("temporalio.workflow", "temporalio.activity")
"""What `workflow.logger` and `activity.logger` write to: messages of our own code."""


def configure_logs(settings: Settings) -> None:
    """Send every message of this process to stderr. Call it once, before anything is logged."""
    render: Processor = _as_json if settings.log_format == "json" else _as_text
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _flat, render],
        keep_exc_info=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    logging.captureWarnings(True)
    _set_levels(settings.log_level)
    _keep_context_out_of_messages()


def _set_levels(level: str) -> None:
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    for name in _OURS_WITHIN_SDK:
        logging.getLogger(name).setLevel(level)


def _keep_context_out_of_messages() -> None:
    """The SDK's loggers append a dict to each message; it comes as a field of its own as well."""
    # Imported here: a program that only shows its usage does without the SDK.
    from temporalio import activity, workflow

    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    logging.getLogger("temporalio.activity").addFilter(_failed_attempt_in_one_line)


def _failed_attempt_in_one_line(record: logging.LogRecord) -> bool:
    """The SDK logs each failed attempt with a traceback, which shows our translation alone."""
    from temporalio.exceptions import ApplicationError

    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ApplicationError):
        record.msg, record.args, record.exc_info = f"attempt failed: {error.message}", (), None
    return True


def _flat(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Keep of the SDK's context what helps to find the run."""
    for name, wanted in (
        ("temporal_workflow", ("workflow_id", "run_id", "update_name")),
        ("temporal_activity", ("workflow_id", "activity_type", "attempt")),
    ):
        context = event.pop(name, None)
        if isinstance(context, MutableMapping | dict):
            for key in wanted:
                if key in context:
                    event.setdefault(key, context[key])
    event.pop("temporal_log", None)
    return event


def _as_json(_logger: Any, _method: str, event: EventDict) -> str:
    line = {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "logger": event.pop("logger"),
        "message": str(event.pop("event")),
        **event,
    }
    # Not escaped by JSON, and line ends to some readers: C1 controls and Unicode separators.
    return "".join(
        f"\\u{ord(char):04x}" if not char.isprintable() and ord(char) < 0x10000 else char
        for char in json.dumps(line, ensure_ascii=False, default=str)
    )


def _as_text(_logger: Any, _method: str, event: EventDict) -> str:
    timestamp, level = event.pop("timestamp"), event.pop("level").upper()
    name, message = event.pop("logger"), printable(str(event.pop("event")))
    trace = event.pop("exception", None)
    fields = "".join(f" {key}={_value(value)}" for key, value in event.items())
    line = f"{timestamp} {level:<8} {name}: {message}{fields}"
    if trace:
        # Indented, so that no line of a message can pass for a log line.
        line += "".join(f"\n    {printable(part)}" for part in str(trace).splitlines())
    return line


def _value(value: object) -> str:
    text = printable(str(value))
    if text and not any(char in text for char in ' "=\\'):
        return text
    return json.dumps(text, ensure_ascii=False)
