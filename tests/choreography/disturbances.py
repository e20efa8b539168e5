"""A Temporal client whose workers deliver events as badly as a bus would.

Temporal delivers each start and each signal once and keeps their order. What a bus may do beyond
that is done here, in the worker, where a delivery is asked for: it comes late, so that others
overtake it; it comes twice; or it is lost, and somebody delivers it again much later.
"""

import asyncio
import contextlib
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from temporalio import workflow
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
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

_TRIES = 50


@dataclass(frozen=True)
class Lot:
    """What happens to one delivery. Drawn from its name, so that a replay draws the same."""

    seconds: float
    twice: bool
    lost: bool

    @classmethod
    def of(cls, delivery: str) -> "Lot":
        lots = hashlib.sha256(delivery.encode()).digest()
        return cls(seconds=(0, 0, 0, 0.05, 0.3)[lots[0] % 5], twice=lots[1] < 80, lost=lots[2] < 60)


@dataclass
class Post:
    """What was delivered, and what got lost on the way."""

    delivered: dict[str, Delivery] = field(default_factory=dict)
    """By the reaction's id."""
    lost: dict[str, tuple[str, str, Any]] = field(default_factory=dict)
    """By the delivery's name: to whom, which signal, with what."""

    async def deliver_what_was_lost(self, client: Client) -> None:
        """For as long as it is not cancelled; what finds nobody there is tried a while longer."""
        tries: Counter[str] = Counter()
        while True:
            await asyncio.sleep(0.2)
            for name, (receiver, signal, told) in list(self.lost.items()):
                if tries[name] >= _TRIES:
                    continue
                tries[name] += 1
                with contextlib.suppress(RPCError):  # not there yet, or closed
                    await client.get_workflow_handle(receiver).signal(signal, told)
                    tries[name] = _TRIES


POST = Post()


class _Outbound(WorkflowOutboundInterceptor):
    async def start_child_workflow(
        self, input: StartChildWorkflowInput
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        lot = Lot.of(input.id)
        POST.delivered[input.id] = input.args[0]
        if lot.seconds:
            await workflow.sleep(lot.seconds)
        handle = await self.next.start_child_workflow(input)
        if lot.twice:
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await self.next.start_child_workflow(input)
                raise AssertionError(f"{input.id} was delivered twice")
        return handle

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        name = f"{input.workflow_id}/{input.signal}/{_name(input.args[0])}"
        lot = Lot.of(name)
        if lot.lost:
            POST.lost[name] = (input.workflow_id, input.signal, input.args[0])
            return
        if lot.seconds:
            await workflow.sleep(lot.seconds)
        await self.next.signal_external_workflow(input)
        if lot.twice:
            await self.next.signal_external_workflow(input)


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
