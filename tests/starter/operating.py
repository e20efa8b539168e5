"""What the tests of operators' commands have in common."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from client.actions import ON_INTERVENTIONS, Action
from client.documents import parse_order
from client.observation import pending_calls, waiting_tasks
from client.operators import Operators, new_request_id
from client.records import Records
from client.running import saga_id
from client.sagas import Sagas
from models.saga import OperatorAction, SagaState
from models.steps import Step
from runtime.connection import connect, embedded_server
from runtime.settings import Settings
from tests.starter.programs import Outcome, Starter

KIM = ("--by", "kim", "--reason", "고객 요청")
SORA = ("--by", "sora", "--reason", "second look")
STEP = "INVENTORY_RESERVED"


@asynccontextmanager
async def opened_sagas(starter: Starter) -> AsyncIterator[Sagas]:
    """The sagas that the command line works on."""
    settings = Settings.load(home=starter.home)
    server = embedded_server(settings)
    assert server is not None
    client = await connect(server)
    async with Records.opened(settings) as records:
        yield Sagas(client, records, settings)


async def until(sagas: Sagas, order_id: str, condition: Callable[[SagaState], object]) -> SagaState:
    """The first state seen that meets the condition."""
    async with asyncio.timeout(30):
        while not condition(state := await sagas.state(order_id)):
            await asyncio.sleep(0.1)
    return state


async def until_nothing_runs(sagas: Sagas, order_id: str) -> None:
    """Returns when the order waits for no service and no worker: it is held, or has ended."""
    handle = sagas.client.get_workflow_handle(saga_id(order_id))
    async with asyncio.timeout(30):
        while True:
            description = await handle.describe()
            if not pending_calls(description) and not list(waiting_tasks(description)):
                return
            await asyncio.sleep(0.1)


async def act(sagas: Sagas, action: Action, order_id: str) -> SagaState:
    """Do as kim would, without a process."""
    step = Step(STEP) if action in ON_INTERVENTIONS else None
    by = OperatorAction(actor="kim", reason="고객 요청", step=step)
    return await Operators(sagas).act(action, order_id, by, request_id=new_request_id())


async def begin(sagas: Sagas, document: dict[str, Any]) -> str:
    """Place the order and leave it; its id."""
    order = parse_order(json.dumps(document).encode())
    await sagas.place(order)
    return order.order_id


def refusal(outcome: Outcome) -> str:
    """The code that the command was refused with."""
    assert (outcome.exit_code, outcome.stdout) == (4, ""), outcome.stderr
    word, code, *_ = outcome.stderr.split(maxsplit=2)
    assert word == "error:"
    assert outcome.stderr.count("\n") == 1
    return code.rstrip(":")
