"""Log lines: one each, with their fields, and not to be forged."""

import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runtime.logs import configure_logs
from runtime.settings import Settings

NASTY = "x\r\n2026-01-01T00:00:00Z ERROR  order_saga: forged\x1b[2K\u2028\x85\u202e"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """What has been logged; and the root logger as it was, afterwards."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield lambda: stream.getvalue().splitlines()
    root.handlers[:], level = before
    root.setLevel(level)
    logging.captureWarnings(False)


def test_text_has_the_fields_on_one_line(lines: Callable[[], list[str]]) -> None:
    configure_logs(Settings.load(log_format="text"))
    logging.getLogger("order_saga").info(
        "step done", extra={"saga_id": "order-1", "step": "재고 예약", "duration": 0.25}
    )
    (line,) = lines()
    assert line.endswith(
        ' INFO     order_saga: step done saga_id=order-1 step="재고 예약" duration=0.25'
    )


def test_json_has_the_fields_on_one_line(lines: Callable[[], list[str]]) -> None:
    configure_logs(Settings.load(log_format="json"))
    logging.getLogger("order_saga").info("주문 %s", "시작", extra={"order_id": "1", "at": set()})
    (line,) = lines()
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
def test_nobody_forges_a_line(lines: Callable[[], list[str]], log_format: str) -> None:
    configure_logs(Settings.load(log_format=log_format))
    logging.getLogger("order_saga").info(NASTY, extra={"order_id": NASTY})
    (line,) = lines()
    assert line.isprintable()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nobody_forges_a_line_in_a_traceback(
    lines: Callable[[], list[str]], log_format: str
) -> None:
    configure_logs(Settings.load(log_format=log_format))
    try:
        raise ValueError(NASTY)
    except ValueError:
        logging.getLogger("order_saga").exception("broken")
    first, *others = lines()
    assert "broken" in first
    assert all(line.startswith("    ") and line.isprintable() for line in others)
    assert bool(others) == (log_format == "text")
    assert "ValueError" in "".join([first, *others])


def test_libraries_speak_from_warning_on(lines: Callable[[], list[str]]) -> None:
    configure_logs(Settings.load(log_format="text", log_level="INFO"))
    for name in ("temporalio.worker", "temporalio.core", "sqlalchemy.engine", "aiosqlite"):
        logging.getLogger(name).info("noise")
        logging.getLogger(name).warning("matters")
    logging.getLogger("order_saga").debug("detail")
    assert len(lines()) == 4
    assert all("matters" in line for line in lines())


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


async def test_the_sdks_loggers_say_which_saga(
    lines: Callable[[], list[str]], client: Client
) -> None:
    configure_logs(Settings.load(log_format="json"))
    saga = f"order-{uuid.uuid4()}"
    async with Worker(
        client,
        task_queue=saga,
        workflows=[LogsAWorkflow],
        activities=[logs_an_activity],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await client.execute_workflow(LogsAWorkflow.run, id=saga, task_queue=saga)
    in_workflow, in_activity = (json.loads(line) for line in lines())
    assert in_workflow["message"] == "in the workflow"
    assert (in_workflow["step"], in_workflow["workflow_id"]) == ("ORDER_CREATED", saga)
    assert in_activity["message"] == "in the activity"
    assert (in_activity["step"], in_activity["workflow_id"]) == ("PAYMENT_PROCESSED", saga)
    assert (in_activity["activity_type"], in_activity["attempt"]) == ("logs_an_activity", 1)
