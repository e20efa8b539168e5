"""Rows and stories of sagas that run: one look at Temporal each, never a question to a worker."""

import asyncio
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from client.attendance import RPC_TIMEOUT
from client.description import AnyDescription, Description, described
from client.observation import PendingCall, pending_calls
from client.reactions import Reactions
from client.records import Records
from client.rows import Facts, LiveSaga, recorded_row
from client.running import saga_id as saga_id_of
from client.step_runs import waiting_since
from client.timeline import CALLS, Call, Story, read_story
from client.views import OrderRow
from services.orders.listing import ListedOrder

_LOOKS_AT_ONCE = 16
_STORIES_KEPT = 1000


class LiveOrders:
    """Looks at running sagas. Every method may raise `RPCError` and `StoreError`."""

    def __init__(self, client: Client, records: Records) -> None:
        self._client = client
        self._records = records
        self._places = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._stories: OrderedDict[str, tuple[int, Story]] = OrderedDict()

    async def row(self, saga_id: str, listed: ListedOrder | None) -> OrderRow | None:
        """The saga's row; None if it is neither in Temporal nor recorded."""
        async with self._places:
            description = await described(self._client, saga_id, RPC_TIMEOUT)
            if description is None:
                return _lost(listed) if listed else None
            if description.status is not WorkflowExecutionStatus.RUNNING:
                return await self._ended(description, saga_id)
            saga = LiveSaga(description, await self._reactions(description))
            story = await self._story_for(saga, listed)
        ended = listed is not None and listed.record.state is not None
        if listed is not None:
            row = saga.row(Facts.recorded(listed), story)
        elif story.order is not None:
            row = saga.row(Facts.placed(story.order, description.start_time), story)
        else:
            return None
        return _closing(recorded_row(listed), row) if listed and ended else row

    async def waiting_since(self, order_id: str) -> datetime | None:
        """Since when the order has needed a person; None if it does not (any more)."""
        async with self._places:
            description = await described(self._client, saga_id_of(order_id), RPC_TIMEOUT)
            if description is None or description.status is not WorkflowExecutionStatus.RUNNING:
                return None
            return waiting_since(await self.story(description))

    async def under_way(self, description: AnyDescription) -> tuple[Story, tuple[PendingCall, ...]]:
        """What the saga did so far, and the calls under way.

        A choreographed order's own workflow makes none; those of its reactions are told here.
        """
        story, reactions = await self.story(description), await self._reactions(description)
        begun = [
            Call(call.operation, reaction.start_time)
            for reaction in reactions
            for call in pending_calls(reaction)
            if call.operation in CALLS
            and all(known.operation != call.operation for known in story.calls)
        ]
        pending = tuple(call for each in (description, *reactions) for call in pending_calls(each))
        return replace(story, calls=[*story.calls, *begun]), pending

    async def story(self, description: AnyDescription) -> Story:
        """What the workflow did so far; empty when Temporal has just forgotten it."""
        kept = self._stories.get(description.run_id)
        if kept is None or kept[0] != description.history_length:
            kept = description.history_length, await self._read(description)
            self._stories[description.run_id] = kept
        self._stories.move_to_end(description.run_id)
        while len(self._stories) > _STORIES_KEPT:
            self._stories.popitem(last=False)
        return kept[1]

    async def _reactions(self, description: AnyDescription) -> list[Description]:
        return await Reactions(self._client).running(description)

    async def _story_for(self, saga: LiveSaga, listed: ListedOrder | None) -> Story:
        if listed is not None and not saga.needs_story:
            return Story()
        return await self.story(saga.description)

    async def _read(self, description: AnyDescription) -> Story:
        handle = self._client.get_workflow_handle(description.id, run_id=description.run_id)
        try:
            events = [event async for event in handle.fetch_history_events(rpc_timeout=RPC_TIMEOUT)]
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Story()
            raise
        return await read_story(events, self._client.data_converter)

    async def _ended(self, description: AnyDescription, saga_id: str) -> OrderRow | None:
        """It ended while we looked, or somebody ended it in Temporal, past the saga."""
        listed = (await self._records.of([saga_id])).get(saga_id)
        if listed is not None and listed.record.state is not None:
            return recorded_row(listed)
        story = await self.story(description)
        if listed is not None:
            facts = Facts.recorded(listed)
        elif story.order is not None:
            facts = Facts.placed(story.order, description.start_time)
        else:
            return None
        status = description.status.name.lower() if description.status else "ended"
        row = LiveSaga(description).row(facts, story)
        return row.model_copy(
            update={"held": False, "last_error": f"the workflow was {status} in Temporal"}
        )


def _lost(listed: ListedOrder) -> OrderRow:
    """Its record; if that is open, Temporal has no workflow that would ever close it."""
    row = recorded_row(listed)
    if listed.record.state is not None:
        return row
    return row.model_copy(update={"last_error": "Temporal has no workflow for this order"})


def _closing(recorded: OrderRow, live: OrderRow) -> OrderRow:
    """The outcome stands, and what follows it runs: the customer is being told."""
    kept = ("current_step", "attempt", "retrying_since", "next_attempt_at", "needs_operator")
    changes = {name: getattr(live, name) for name in kept}
    return recorded.model_copy(
        update=changes | {"last_error": live.last_error or recorded.last_error}
    )
