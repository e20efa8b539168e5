"""The reactions that are under way for a choreographed order, as Temporal lists them."""

import asyncio
import time
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus

from client.description import AnyDescription, Description, described

TRACKER, REACTION = "OrderTracker", "Reaction"
"""Wire names."""

_LIST_SECONDS = 0.5
"""Between two lists: Temporal's list lags behind by about as much."""
_RPC_TIMEOUT = timedelta(seconds=4)


def reactions_of(saga_id: str) -> str:
    """The query for the reactions of one order. No order id has a quote or a `/`."""
    return f"WorkflowType = '{REACTION}' AND WorkflowId STARTS_WITH '{saga_id}/'"


class Reactions:
    """Finds orders' running reactions; quick to ask again and again about one order.

    Every method may raise `RPCError`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._listed: list[str] = []
        self._listed_of = ""
        self._listed_at = 0.0

    async def running(self, tracker: AnyDescription) -> list[Description]:
        """Those that run now, as far as the list knows; none for an orchestrated order."""
        if tracker.workflow_type != TRACKER:
            return []
        old = time.monotonic() - self._listed_at > _LIST_SECONDS
        if old or self._listed_of != tracker.id:
            query = f"{reactions_of(tracker.id)} AND ExecutionStatus = 'Running'"
            found = self._client.list_workflows(query, rpc_timeout=_RPC_TIMEOUT)
            self._listed = [execution.id async for execution in found]
            self._listed_of, self._listed_at = tracker.id, time.monotonic()
        found_now = await asyncio.gather(
            *(described(self._client, each, _RPC_TIMEOUT) for each in self._listed)
        )
        return [
            each
            for each in found_now
            if each is not None and each.status is WorkflowExecutionStatus.RUNNING
        ]
