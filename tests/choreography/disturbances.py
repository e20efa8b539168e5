"""A Temporal client whose workers deliver events as badly as a bus would.

Temporal delivers each start and each signal once and keeps their order. What a bus may do beyond
that is done here, in the worker, where a delivery is asked for: it comes late, so that others
overtake it; it comes twice; or it is lost although its publisher was told that it is on record, as
after a restore from a copy that is older, and somebody delivers it again much later.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

from temporalio import workflow
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from temporalio.worker import (
    Interceptor,
    SignalExternalWorkflowInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from models.events import Delivery, ParkingNotice, SagaEvent

_LOST_SECONDS = 0.5
_LOOK_SECONDS = 0.1
_TRIES = 100


@dataclass(frozen=True)
class Lot:
    """What happens to one delivery. Drawn from its name, so that a replay draws the same."""

    seconds: float
    twice: bool
    lost: bool

    @classmethod
    def of(cls, delivery: str) -> "Lot":
        lots = hashlib.sha256(delivery.encode()).digest()
        return cls(seconds=(0, 0, 0, 0.05, 0.3)[lots[0] % 5], twice=lots[1] < 80, lost=lots[2] < 50)


@dataclass
class _Lost:
    """A start, or a signal, that its publisher takes for delivered."""

    receiver: str
    signal: str | None
    """None: the receiver is to be started."""
    told: Any
    found_at: float = field(default_factory=lambda: time.monotonic() + _LOST_SECONDS)
    tries: int = 0

    async def deliver(self, client: Client) -> None:
        if self.signal is not None:
            await client.get_workflow_handle(self.receiver).signal(self.signal, self.told)
            return
        with contextlib.suppress(WorkflowAlreadyStartedError):  # delivered by somebody else
            await client.start_workflow(
                "Reaction",
                self.told,
                id=self.receiver,
                task_queue=self.told.service.value,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )


@dataclass
class Post:
    """What was delivered, and what got lost on the way."""

    delivered: dict[str, Delivery] = field(default_factory=dict)
    """By the reaction's id."""
    lost: dict[str, _Lost] = field(default_factory=dict)
    """By the delivery's name."""

    def lose(self, name: str, receiver: str, signal: str | None, told: Any) -> None:
        """Once: its workflow may be replayed."""
        self.lost.setdefault(name, _Lost(receiver, signal, told))

    def lost_of(self, order_ids: set[str]) -> tuple[int, int]:
        """How many starts and signals of these orders got lost."""
        mine = [
            each
            for each in self.lost.values()
            if each.receiver.partition("/")[0].removeprefix("order-") in order_ids
        ]
        starts = sum(each.signal is None for each in mine)
        return starts, len(mine) - starts

    @contextlib.asynccontextmanager
    async def redelivered(self, client: Client) -> AsyncIterator[None]:
        """While the block runs, what was lost is delivered after a while."""
        redelivery = asyncio.create_task(self._redeliver(client))
        try:
            yield
        finally:
            redelivery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await redelivery

    async def _redeliver(self, client: Client) -> None:
        """What finds nobody there is tried a while longer: its start may be lost as well."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for each in list(self.lost.values()):
                if each.tries >= _TRIES or each.found_at > now:
                    continue
                each.tries += 1
                with contextlib.suppress(RPCError):  # not there yet, or closed
                    await each.deliver(client)
                    each.tries = _TRIES


POST = Post()


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor) -> None:
        super().__init__(next)
        self._lost: set[str] = set()
        """Whom this workflow believes that it has started."""

    async def start_child_workflow(
        self, input: StartChildWorkflowInput
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        # By the publisher too: who delivers the same event later may be luckier.
        name = f"{workflow.info().workflow_id} -> {input.id}"
        lot = Lot.of(name)
        POST.delivered[input.id] = input.args[0]
        if lot.lost:
            self._lost.add(input.id)
            POST.lose(name, input.id, None, input.args[0])
            return _never_heard_of()
        if lot.seconds:
            await workflow.sleep(lot.seconds)
        handle = await self.next.start_child_workflow(input)
        if lot.twice:
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await self.next.start_child_workflow(input)
                # A service that is asked again may have answered already, and answers once more.
                if input.id_reuse_policy is not WorkflowIDReusePolicy.ALLOW_DUPLICATE:
                    raise AssertionError(f"{input.id} was delivered twice")
        return handle

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        name = f"{input.workflow_id}/{input.signal}/{_name(input.args[0])}"
        lot = Lot.of(name)
        if lot.lost or input.workflow_id in self._lost:
            POST.lose(name, input.workflow_id, input.signal, input.args[0])
            return
        if lot.seconds:
            await workflow.sleep(lot.seconds)
        await self.next.signal_external_workflow(input)
        if lot.twice:
            await self.next.signal_external_workflow(input)


def _never_heard_of() -> workflow.ChildWorkflowHandle[Any, Any]:
    """The handle of a workflow that its publisher believes to be under way."""
    return cast(workflow.ChildWorkflowHandle[Any, Any], asyncio.Future[Any]())


def _name(told: SagaEvent | ParkingNotice) -> str:
    if isinstance(told, SagaEvent):
        return told.event_id
    return f"{told.reaction_id}/{told.number}"


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class Disturbances(ClientInterceptor, Interceptor):
    """Given to a client, so that the workers that use it have it too."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _Inbound


def disturbed(client: Client) -> Client:
    """The same client, for workers that deliver badly."""
    config = client.config()
    config["interceptors"] = [Disturbances()]
    return Client(**config)
