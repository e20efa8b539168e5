"""Log lines: one each, with their fields, and not to be forged."""

import contextlib
import io
import json
import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runtime.logs import configure_logs
from runtime.settings import Settings

NASTY = "x\r\n2026-01-01T00:00:00Z ERROR  order_saga: forged\x1b[2K\u2028\x85\u202e"


class Logs:
    """What is logged from `configure` on."""

    def __init__(self) -> None:
        self._stream = io.StringIO()

    def configure(self, **settings: object) -> None:
        with contextlib.redirect_stderr(self._stream):
            configure_logs(Settings.load(**settings))

    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Afterwards the root logger is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Logs()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_text_has_the_fields_on_one_line(logs: Logs) -> None:
    logs.configure(log_format="text")
    logging.getLogger("order_saga").info(
        "step done", extra={"saga_id": "order-1", "step": "재고 예약", "duration": 0.25}
    )
    (line,) = logs.lines()
    assert line.endswith(
        ' INFO     order_saga: step done saga_id=order-1 step="재고 예약" duration=0.25'
    )


def test_json_has_the_fields_on_one_line(logs: Logs) -> None:
    logs.configure(log_format="json")
    logging.getLogger("order_saga").info("주문 %s", "시작", extra={"order_id": "1", "at": set()})
    (line,) = logs.lines()
    record = json.loads(line)
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "level": "info",
        "logger": "order_saga",
        "message": "주문 시작",
        "order_id": "1",
        "at": "set()",
    }
    assert "주문" in line


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nobody_forges_a_line(logs: Logs, log_format: str) -> None:
    logs.configure(log_format=log_format)
    logging.getLogger("order_saga").info(NASTY, extra={"order_id": NASTY})
    (line,) = logs.lines()
    assert line.isprintable()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nobody_forges_a_line_in_a_traceback(logs: Logs, log_format: str) -> None:
    logs.configure(log_format=log_format)
    try:
        raise ValueError(NASTY)
    except ValueError:
        logging.getLogger("order_saga").exception("broken")
    first, *others = logs.lines()
    assert "broken" in first
    assert all(line.startswith("    ") and line.isprintable() for line in others)
    assert bool(others) == (log_format == "text")
    assert "ValueError" in "".join([first, *others])


def test_libraries_speak_from_warning_on(logs: Logs) -> None:
    logs.configure(log_format="text", log_level="INFO")
    for name in ("temporalio.worker", "temporalio.core", "sqlalchemy.engine", "aiosqlite"):
        logging.getLogger(name).info("noise")
        logging.getLogger(name).warning("matters")
    logging.getLogger("order_saga").debug("detail")
    assert len(logs.lines()) == 4
    assert all("matters" in line for line in logs.lines())


@activity.defn
async def logs_an_activity() -> None:
    activity.logger.info("in the activity", extra={"step": "PAYMENT_PROCESSED"})


@workflow.defn
class LogsAWorkflow:
    @workflow.run
    async def run(self) -> None:
        workflow.logger.info("in the workflow", extra={"step": "ORDER_CREATED"})
        await workflow.execute_activity(
            logs_an_activity, start_to_close_timeout=timedelta(seconds=5)
        )


async def test_the_sdks_loggers_say_which_saga(logs: Logs, client: Client) -> None:
    logs.configure(log_format="json")
    saga = f"order-{uuid.uuid4()}"
    async with Worker(
        client,
        task_queue=saga,
        workflows=[LogsAWorkflow],
        activities=[logs_an_activity],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await client.execute_workflow(LogsAWorkflow.run, id=saga, task_queue=saga)
    in_workflow, in_activity = (json.loads(line) for line in logs.lines())
    assert in_workflow["message"] == "in the workflow"
    assert (in_workflow["step"], in_workflow["workflow_id"]) == ("ORDER_CREATED", saga)
    assert in_activity["message"] == "in the activity"
    assert (in_activity["step"], in_activity["workflow_id"]) == ("PAYMENT_PROCESSED", saga)
    assert (in_activity["activity_type"], in_activity["attempt"]) == ("logs_an_activity", 1)
