"""Publishing an event: durable deliveries by Temporal, each made once however often it is tried.

There is no bus. A delivery is a child workflow on the subscriber's own task queue, with an id
made of the event and the subscriber, so a second one is recognised; it outlives its publisher.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

from models.events import Delivery, EventData, EventType, SagaEvent
from models.steps import Service
from workflows import calls
from workflows.choreography.subscriptions import (
    Subscription,
    Verb,
    subscribers,
    subscription_of,
)

REACTION = "Reaction"
HEAR, NOTE, COUNT = "hear", "note", "count"
"""The signals: an event for the tracker, a parking for the tracker, an undo for who closes."""

# As for a placed order: a worker that died with a task in hand is noticed after this.
_TASK_TIMEOUT = timedelta(seconds=5)


def new_event(saga_id: str, event_type: EventType, data: EventData, at: datetime) -> SagaEvent:
    """The one event of this type that an order has."""
    order_id = data.saga.order.order_id
    return SagaEvent(
        event_id=f"{order_id}:{event_type}",
        event_type=event_type,
        saga_id=saga_id,
        correlation_id=order_id,
        timestamp=at,
        data=data,
        max_retries=_max_retries(event_type, data),
    )


def reaction_id(event: SagaEvent, service: Service) -> str:
    """The workflow id of the service's reaction to the event. No order id has a `/`."""
    return f"{event.saga_id}/{event.event_type}/{service}"


async def publish(event: SagaEvent, cause: SagaEvent | None = None) -> None:
    """Deliver the event to all whom it concerns, and tell the tracker.

    `cause` is the event that was reacted to; without one, the publisher is the tracker itself.
    Returns when every delivery is on record. Must be awaited in a task that nobody cancels: a
    start that is cancelled before it is answered is never made.
    """
    deliveries = [_deliver(event, each, cause) for each in subscribers(event)]
    if cause is not None:
        deliveries.append(_tell_tracker(event))
    await asyncio.gather(*deliveries)


async def ask_again(failed: SagaEvent) -> None:
    """Have the undos announced that an earlier run of this closing reaction may have heard of.

    Somebody may have cut that one short if it was not the failure's publisher who started this
    run, but an undo that announced itself, or a person. Delivered again, the failure makes each
    of the others undo once more, which finds it undone, and announce it.
    """
    parent = workflow.info().parent
    publisher = parent.workflow_id if parent is not None else ""
    event, _, _ = workflow.info().workflow_id.rpartition("/")
    if publisher and not publisher.startswith(f"{event}/"):
        return
    others = [
        each
        for each in subscribers(failed)
        if each.verb is Verb.UNDOES and reaction_id(failed, each.service) != publisher
    ]
    await asyncio.gather(*(_start_reaction(failed, each, again=True) for each in others))


async def tell(workflow_id: str, signal: str, argument: Any) -> bool:
    """Signal another workflow; False if it is closed or was never there."""
    try:
        await workflow.get_external_workflow_handle(workflow_id).signal(signal, argument)
    except ApplicationError as error:
        if error.type != "ExternalWorkflowExecutionNotFound":
            # As it is, it would fail this workflow, and its event would be lost.
            raise RuntimeError(f"{workflow_id} cannot be told: {error.message}") from error
        return False
    return True


async def _tell_tracker(event: SagaEvent) -> None:
    # One that is closed has heard how the order ended.
    await tell(event.saga_id, HEAR, event)


async def _deliver(event: SagaEvent, to: Subscription, cause: SagaEvent | None) -> None:
    if to.verb is Verb.COUNTS:
        await _count(event, to, cause)
    else:
        await _start_reaction(event, to)


async def _start_reaction(event: SagaEvent, to: Subscription, *, again: bool = False) -> None:
    """Unless it runs, or has ended well: then the event is delivered already.

    One that was cut short is started anew; with `again`, so is one that has ended well.
    """
    reuse = (
        WorkflowIDReusePolicy.ALLOW_DUPLICATE
        if again
        else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    )
    try:
        reaction = await workflow.start_child_workflow(
            REACTION,
            Delivery(event=event, service=to.service),
            id=reaction_id(event, to.service),
            task_queue=to.service.value,
            parent_close_policy=ParentClosePolicy.ABANDON,
            cancellation_type=ChildWorkflowCancellationType.ABANDON,
            id_reuse_policy=reuse,
            task_timeout=_TASK_TIMEOUT,
            static_summary=f"{event.event_type}: {to.verb.value} {to.call}",
        )
    except WorkflowAlreadyStartedError:
        return  # Delivered already.
    # How it ends is its own affair; unasked, asyncio would complain about one that was cut short.
    reaction.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


async def _count(event: SagaEvent, to: Subscription, failed: SagaEvent | None) -> None:
    """Tell the reaction that closes the order of an undo, and start it if it is not there yet."""
    if failed is None or failed.data.failure is None:
        raise AssertionError(f"{event.event_type} follows a failure")
    closing = subscription_of(to.service, failed.event_type)
    receiver = reaction_id(failed, to.service)
    if not await tell(receiver, COUNT, event):
        await _start_reaction(failed, closing)
        await tell(receiver, COUNT, event)  # If it is still not there, it has closed the order.


def _max_retries(event_type: EventType, data: EventData) -> int | None:
    if event_type is EventType.SHIPMENT_CREATED or data.failure is not None:
        return calls.EARLY_RETRIES
    return None
