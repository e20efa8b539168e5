"""The order saga: one order, until every effect of it stands or every one is undone."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.notifications import NotificationsActivities
    from activities.orders import OrdersActivities
    from activities.payments import PaymentsActivities
    from activities.points import PointsActivities
    from activities.shipping import ShippingActivities
    from models.calls import (
        CloseOrderInput,
        CompensationInput,
        CreateOrderInput,
        CreateShipmentInput,
        DeductPointsInput,
        ProcessPaymentInput,
        ReserveInventoryInput,
        SendNotificationInput,
    )
    from models.saga import SagaInput, SagaKind, SagaState, SagaStatus
    from models.steps import (
        COMPLETE_ORDER,
        CREATE_ORDER,
        CREATE_SHIPMENT,
        DEDUCT_POINTS,
        PROCESS_PAYMENT,
        RESERVE_INVENTORY,
        SEND_NOTIFICATION,
        Compensatable,
        ErrorCode,
        ForwardOnly,
        Service,
    )

from workflows import calls
from workflows.compensations import Compensations
from workflows.interventions import Interventions, MustSucceed
from workflows.journal import Journal
from workflows.settling import settled

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class _Stopped(Exception):
    """The saga goes no further forward; the journal has the cause."""


@workflow.defn(name="OrderSaga")
class OrderSaga:
    """Takes an order through six services, and undoes everything when one of them cannot.

    Returns the `SagaState` when the order is COMPLETED or COMPENSATED. Fails with an
    `ApplicationError` of type `SagaFailed`, whose detail is the state, when an operator gave an
    undo up. An unexpected exception fails the workflow task, not the workflow: the order waits
    for mended code and goes on.
    """

    @workflow.init
    def __init__(self, saga: SagaInput) -> None:
        self._order = saga.order
        self._step_budget = timedelta(seconds=saga.step_seconds)
        self._deadline = timedelta(seconds=saga.deadline_seconds)
        self._journal = Journal(saga.order, SagaKind.ORCHESTRATED)
        self._interventions = Interventions(self._journal, saga.alert_targets)
        self._compensations = Compensations(self._journal, self._interventions)
        self._in_flight: asyncio.Task[Any] | None = None
        self._past_pivot = False

    @workflow.run
    async def run(self, saga: SagaInput) -> SagaState:
        """The order's whole story, told to its end even when the workflow is cancelled."""
        story = asyncio.create_task(self._tell())
        await settled(story, on_cancel=self._cancel_requested)
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self.state().status is SagaStatus.FAILED:
            raise ApplicationError("an undo was given up", self.state(), type="SagaFailed")
        return self.state()

    async def _tell(self) -> None:
        self._journal.started()
        deadline = asyncio.create_task(self._watch_deadline())
        try:
            await self._create_order()
            await self._reserve_inventory()
            await self._process_payment()
            await self._deduct_points()
            await self._create_shipment()
            await self._may_begin()
        except (Exception, asyncio.CancelledError) as failure:
            if not isinstance(failure, _Stopped | asyncio.CancelledError):
                raise  # A bug: the workflow task fails, and the order waits for mended code.
            deadline.cancel()
            await self._undo()
        else:
            deadline.cancel()
            await self._complete_order()  # The pivot: from here on the order only goes forward.
            await self._send_notification()

    # The steps, in their order. Each registers its undo before it runs.

    async def _create_order(self) -> None:
        await self._do(
            CREATE_ORDER,
            OrdersActivities.create_order,
            CreateOrderInput(
                order=self._order,
                saga_id=self.state().saga_id,
                kind=self.state().kind,
                placed_at=self.state().created_at,
            ),
            undo=OrdersActivities.cancel_order,
            undo_input=self._closed_as_undone,
        )

    async def _reserve_inventory(self) -> None:
        reserved = await self._do(
            RESERVE_INVENTORY,
            InventoryActivities.reserve_inventory,
            ReserveInventoryInput.of(self._order),
            undo=InventoryActivities.release_inventory,
        )
        self.state().inventory_reservation_id = reserved.reservation_id

    async def _process_payment(self) -> None:
        if self._order.amount_charged == 0:
            self._journal.skipped(PROCESS_PAYMENT.step)
            return
        payment = await self._do(
            PROCESS_PAYMENT,
            PaymentsActivities.process_payment,
            ProcessPaymentInput.of(self._order),
            undo=PaymentsActivities.refund_payment,
        )
        self.state().payment_transaction_id = payment.transaction_id

    async def _deduct_points(self) -> None:
        if self._order.points_to_use == 0:
            self._journal.skipped(DEDUCT_POINTS.step)
            return
        deduction = await self._do(
            DEDUCT_POINTS,
            PointsActivities.deduct_points,
            DeductPointsInput.of(self._order),
            undo=PointsActivities.restore_points,
        )
        self.state().point_transaction_id = deduction.transaction_id

    async def _create_shipment(self) -> None:
        shipment = await self._do(
            CREATE_SHIPMENT,
            ShippingActivities.create_shipment,
            CreateShipmentInput.of(self._order),
            undo=ShippingActivities.cancel_shipment,
        )
        self.state().shipment_id = shipment.shipment_id

    async def _complete_order(self) -> None:
        self._past_pivot = True
        self._journal.began(COMPLETE_ORDER.running)
        closed = self._journal.closing(SagaStatus.COMPLETED, last_step=COMPLETE_ORDER.step)
        argument = CloseOrderInput(order=self._order, state=closed)
        try:
            await self._try_locally(COMPLETE_ORDER, OrdersActivities.complete_order, argument)
        except ActivityError:
            await self._interventions.see_through(
                MustSucceed(
                    COMPLETE_ORDER.step,
                    COMPLETE_ORDER.service,
                    OrdersActivities.complete_order,
                    argument,
                    forward_only=True,
                )
            )
        self._journal.executed(COMPLETE_ORDER.step)
        self._journal.ended(SagaStatus.COMPLETED)

    async def _send_notification(self) -> None:
        self._journal.began(SEND_NOTIFICATION.running)
        try:
            await workflow.execute_activity_method(
                NotificationsActivities.send_notification,
                SendNotificationInput.of(self._order),
                **calls.notification(SEND_NOTIFICATION),
            )
        except ActivityError as failure:
            self._journal.warned(f"{SEND_NOTIFICATION.activity}: {calls.reason_of(failure)}")
        else:
            self._journal.executed(SEND_NOTIFICATION.step)
        self._journal.rests()

    async def _undo(self) -> None:
        self._journal.compensating()
        await self._compensations.run()
        self._journal.ended(self._compensations.outcome)

    def _closed_as_undone(self) -> CloseOrderInput:
        closed = self._journal.closing(self._compensations.outcome, last_step=CREATE_ORDER.step)
        return CloseOrderInput(order=self._order, state=closed)

    def _undo_input(self) -> CompensationInput:
        return CompensationInput.of(self._order)

    # How a step runs.

    async def _do(
        self,
        step: Compensatable,
        activity: Callable[[Any, Argument], Awaitable[Result]],
        argument: Argument,
        *,
        undo: Callable[[Any, Any], Awaitable[None]],
        undo_input: Callable[[], Any] | None = None,
    ) -> Result:
        """Run the step; raises `_Stopped` unless it is DONE.

        REFUSED takes the undo off again. Every other failure leaves the outcome UNKNOWN, and
        the undo on the stack.
        """
        await self._may_begin()
        self._compensations.add(step, undo, undo_input or self._undo_input)
        self._journal.began(step.running)
        try:
            result = await self._call(step, activity, argument)
        except (ActivityError, asyncio.CancelledError) as failure:
            if refusal := calls.refusal_in(failure):
                self._compensations.discard(step)
                self._journal.stopped(step.refused, refusal.message)
            else:
                self._journal.stopped(step.failed, calls.reason_of(failure))
            raise _Stopped from failure
        self._journal.executed(step.step)
        return result

    async def _call(
        self,
        step: Compensatable,
        activity: Callable[[Any, Argument], Awaitable[Result]],
        argument: Argument,
    ) -> Result:
        if step.service is Service.ORDERS:
            try:
                return await self._try_locally(step, activity, argument)
            except ActivityError as failure:
                if self._stopped or calls.refusal_in(failure):
                    raise
        self._in_flight = workflow.start_activity_method(
            activity, argument, **calls.forward(step, self._step_budget)
        )
        try:
            return await self._in_flight
        finally:
            self._in_flight = None

    async def _try_locally(
        self,
        step: Compensatable | ForwardOnly,
        activity: Callable[[Any, Argument], Awaitable[Result]],
        argument: Argument,
    ) -> Result:
        """Call the orders service, the orchestrator's own, without a round trip to the server.

        Never cancelled: a cancelled local activity hides whether its effect landed.
        """
        return await workflow.start_local_activity_method(
            activity, argument, **calls.local_attempt(step.running)
        )

    async def _may_begin(self) -> None:
        """Wait while the order is held; raises `_Stopped` when it must not go on."""
        await workflow.wait_condition(lambda: self._stopped or self.state().held is None)
        if self._stopped:
            raise _Stopped

    # What stops a saga from outside, before the pivot.

    @property
    def _stopped(self) -> bool:
        return self.state().error_code is not None

    def _stop(self, code: ErrorCode, message: str) -> None:
        """Settle the step in flight, then undo. Past the pivot, or when stopped before: nothing."""
        if self._past_pivot or self._stopped:
            return
        self._journal.stopped(code, message)
        if self._in_flight is not None:
            self._in_flight.cancel()

    def _cancel_requested(self) -> None:
        reason = workflow.cancellation_reason() or "no reason given"
        self._stop(ErrorCode.ORDER_CANCELLED, f"cancelled in Temporal: {reason}")

    async def _watch_deadline(self) -> None:
        await workflow.sleep(self._deadline, summary="deadline of the order")
        self._stop(
            ErrorCode.SAGA_DEADLINE_EXCEEDED,
            f"not completed {self._deadline.total_seconds():g} s after its start",
        )

    # What people ask.

    @workflow.query(name="state")
    def state(self) -> SagaState:
        """Everything that is known about the order now."""
        return self._journal.state
