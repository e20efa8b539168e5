"""Runs a worker and a workflow on a given server and ends at once, as a short command does."""

import sys
import uuid
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runtime.connection import connect
from runtime.heartbeats import Heartbeats
from runtime.program import run_program
from runtime.server import Found, Server


@activity.defn
async def act(number: int) -> int:
    return number + 1


@workflow.defn
class FewSteps:
    @workflow.run
    async def run(self) -> int:
        number = 0
        for _ in range(3):
            number = await workflow.execute_activity(
                act, number, start_to_close_timeout=timedelta(seconds=5)
            )
        return number


async def main() -> int:
    client = await connect(Server(address=sys.argv[1], found=Found.CONFIGURED))
    queue = str(uuid.uuid4())
    async with Worker(
        client,
        task_queue=queue,
        workflows=[FewSteps],
        activities=[act],
        interceptors=[Heartbeats()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        steps = await client.execute_workflow(FewSteps.run, id=queue, task_queue=queue)
    sys.stdout.write(f"{steps}\n")
    return 0


if __name__ == "__main__":
    run_program(main)
