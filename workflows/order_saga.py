"""The order saga: one order, until every effect of it stands or every one is undone."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

# The sandbox loads this file anew for every saga, but not what is imported here, each by its full
# name (`from workflows import calls` would not do): that would take a quarter of a worker's time.
# tests/test_architecture.py keeps these modules deterministic.
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
    from models.errors import UNDONE_BEFORE
    from models.saga import OperatorAction, SagaInput, SagaKind, SagaState, SagaStatus
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
    )
    from workflows.calls import notification, reason_of
    from workflows.compensations import Compensations
    from workflows.forward import Forward, Stopped
    from workflows.interventions import Interventions, MustSucceed, Settlement, conflict
    from workflows.journal import Journal
    from workflows.settling import settled


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
        self._deadline = timedelta(seconds=saga.deadline_seconds)
        self._journal = Journal(saga.order, SagaKind.ORCHESTRATED)
        self._interventions = Interventions(self._journal, saga.alert_targets)
        self._compensations = Compensations(self._journal, self._interventions)
        self._forward = Forward(
            self._journal, self._compensations, timedelta(seconds=saga.step_seconds)
        )

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
        # Never cancelled: past its use it changes nothing. A timer that is cancelled where a local
        # activity ends can be lost in a replay, which then differs from its own history.
        self._deadline_watch = asyncio.create_task(self._watch_deadline())
        try:
            await self._create_order()
            await self._reserve_inventory()
            await self._process_payment()
            await self._deduct_points()
            await self._create_shipment()
            await self._forward.reach_pivot()
            await self._complete_order()  # The pivot: from here on the order only goes forward.
        except (Exception, asyncio.CancelledError) as failure:
            if not isinstance(failure, Stopped | asyncio.CancelledError):
                raise  # A bug: the workflow task fails, and the order waits for mended code.
            await self._undo()
        else:
            await self._send_notification()

    # The steps, in their order. Each registers its undo before it runs.

    async def _create_order(self) -> None:
        await self._forward.run(
            CREATE_ORDER,
            OrdersActivities.create_order,
            CreateOrderInput(
                order=self._order,
                saga_id=self.state().saga_id,
                kind=self.state().kind,
                placed_at=self.state().created_at,
            ),
            undo=OrdersActivities.cancel_order,
            undo_argument=self._closed_as_undone,
        )

    async def _reserve_inventory(self) -> None:
        reserved = await self._forward.run(
            RESERVE_INVENTORY,
            InventoryActivities.reserve_inventory,
            ReserveInventoryInput.of(self._order),
            undo=InventoryActivities.release_inventory,
            undo_argument=self._undone_order,
        )
        self.state().inventory_reservation_id = reserved.reservation_id

    async def _process_payment(self) -> None:
        if self._order.amount_charged == 0:
            self._journal.skipped(PROCESS_PAYMENT.step)
            return
        payment = await self._forward.run(
            PROCESS_PAYMENT,
            PaymentsActivities.process_payment,
            ProcessPaymentInput.of(self._order),
            undo=PaymentsActivities.refund_payment,
            undo_argument=self._undone_order,
        )
        self.state().payment_transaction_id = payment.transaction_id

    async def _deduct_points(self) -> None:
        if self._order.points_to_use == 0:
            self._journal.skipped(DEDUCT_POINTS.step)
            return
        deduction = await self._forward.run(
            DEDUCT_POINTS,
            PointsActivities.deduct_points,
            DeductPointsInput.of(self._order),
            undo=PointsActivities.restore_points,
            undo_argument=self._undone_order,
        )
        self.state().point_transaction_id = deduction.transaction_id

    async def _create_shipment(self) -> None:
        shipment = await self._forward.run(
            CREATE_SHIPMENT,
            ShippingActivities.create_shipment,
            CreateShipmentInput.of(self._order),
            undo=ShippingActivities.cancel_shipment,
            undo_argument=self._undone_order,
        )
        self.state().shipment_id = shipment.shipment_id

    async def _complete_order(self) -> None:
        self._journal.began(COMPLETE_ORDER.running)
        # Remote, unlike create_order: a local activity is on record only after its effect, so a
        # worker that died in between would leave a completed order that could still be cancelled.
        pivot = MustSucceed(
            COMPLETE_ORDER.step,
            COMPLETE_ORDER.service,
            COMPLETE_ORDER.running,
            OrdersActivities.complete_order,
            self._closed_as_completed,
            forward_only=True,
            decisive=UNDONE_BEFORE,
        )
        try:
            await self._interventions.see_through(pivot)
        except ActivityError as failure:
            self._forward.undone_before(failure)
            raise Stopped from failure
        self._journal.executed(COMPLETE_ORDER.step)
        self._journal.ended(SagaStatus.COMPLETED)

    async def _send_notification(self) -> None:
        self._journal.began(SEND_NOTIFICATION.running)
        try:
            await workflow.execute_activity_method(
                NotificationsActivities.send_notification,
                SendNotificationInput.of(self._order),
                **notification(SEND_NOTIFICATION),
            )
        except ActivityError as failure:
            self._journal.warned(f"{SEND_NOTIFICATION.activity}: {reason_of(failure)}")
        else:
            self._journal.executed(SEND_NOTIFICATION.step)
        self._journal.rests()

    async def _undo(self) -> None:
        self._journal.compensating()
        if self._forward.met_earlier_run:
            self._undo_everything()
        await self._compensations.run()
        self._journal.ended(self._compensations.outcome)

    def _undo_everything(self) -> None:
        """The order had been undone before: by a run of it before a reset.

        What that run left open, a refund for example, only the services know, and what this one
        has done since is not part of it. So every step is undone; to undo twice has one effect,
        and to undo nothing has none.
        """
        undos: list[tuple[Compensatable, Callable[[Any, Any], Any]]] = [
            (RESERVE_INVENTORY, InventoryActivities.release_inventory),
            (CREATE_SHIPMENT, ShippingActivities.cancel_shipment),
        ]
        if self._order.amount_charged:
            undos.append((PROCESS_PAYMENT, PaymentsActivities.refund_payment))
        if self._order.points_to_use:
            undos.append((DEDUCT_POINTS, PointsActivities.restore_points))
        self._compensations.add_missing(undos, self._undone_order)

    def _undone_order(self) -> CompensationInput:
        return CompensationInput.of(self._order)

    def _closed_as_completed(self) -> CloseOrderInput:
        closed = self._journal.closing(SagaStatus.COMPLETED, last_step=COMPLETE_ORDER.step)
        return CloseOrderInput(order=self._order, state=closed)

    def _closed_as_undone(self) -> CloseOrderInput:
        closed = self._journal.closing(self._compensations.outcome, last_step=CREATE_ORDER.step)
        return CloseOrderInput(order=self._order, state=closed)

    # What stops the saga from outside, before the pivot.

    def _cancel_requested(self) -> None:
        reason = workflow.cancellation_reason() or "no reason given"
        self._forward.stop(ErrorCode.ORDER_CANCELLED, f"cancelled in Temporal: {reason}")

    async def _watch_deadline(self) -> None:
        await workflow.sleep(self._deadline, summary="deadline of the order")
        self._forward.stop(
            ErrorCode.SAGA_DEADLINE_EXCEEDED,
            f"not completed {self._deadline.total_seconds():g} s after its start",
        )

    # What people ask and do. A validator refuses an action before it leaves a trace.

    @workflow.query(name="state")
    def state(self) -> SagaState:
        """Everything that is known about the order now."""
        return self._journal.state

    @workflow.update(name="cancel")
    def cancel(self, action: OperatorAction) -> SagaState:
        """Undo the order. Accepted again while it is being undone, where it is noted only."""
        self._journal.acted("cancel", action)
        self._forward.stop(
            ErrorCode.ORDER_CANCELLED, f"cancelled by {action.actor}: {action.reason}"
        )
        return self.state()

    @cancel.validator
    def _may_cancel(self, action: OperatorAction) -> None:
        self._refuse_past_pivot()

    @workflow.update(name="hold")
    def hold(self, action: OperatorAction) -> SagaState:
        """Let no new forward step start until `resume`."""
        self._journal.held(action)
        return self.state()

    @hold.validator
    def _may_hold(self, action: OperatorAction) -> None:
        self._refuse_past_pivot()
        if self._forward.stopped:
            raise conflict("ALREADY_COMPENSATING", "the order is being undone")
        if held := self.state().held:
            raise conflict("ALREADY_HELD", f"the order is held by {held.by}")

    @workflow.update(name="resume")
    def resume(self, action: OperatorAction) -> SagaState:
        """Let the order go on."""
        self._journal.resumed(action)
        return self.state()

    @resume.validator
    def _may_resume(self, action: OperatorAction) -> None:
        if self.state().held is None:
            raise conflict("NOT_HELD", "the order is not held")

    @workflow.update(name="claim")
    async def claim(self, action: OperatorAction) -> SagaState:
        """Take an intervention from the machine; answers once its last attempt is settled."""
        await self._interventions.claim(action)
        return self.state()

    @claim.validator
    def _may_claim(self, action: OperatorAction) -> None:
        self._interventions.may_claim(action)

    @workflow.update(name="resolve")
    def resolve(self, action: OperatorAction) -> SagaState:
        """The claimed undo has been done by hand."""
        self._interventions.settle(action, Settlement.RESOLVED)
        return self.state()

    @resolve.validator
    def _may_resolve(self, action: OperatorAction) -> None:
        self._interventions.may_settle(action)

    @workflow.update(name="abandon")
    def abandon(self, action: OperatorAction) -> SagaState:
        """The claimed undo is given up and the loss accepted: the order will end FAILED."""
        self._interventions.settle(action, Settlement.ABANDONED)
        return self.state()

    @abandon.validator
    def _may_abandon(self, action: OperatorAction) -> None:
        self._interventions.may_settle(action)

    @workflow.update(name="retry")
    def retry(self, action: OperatorAction) -> SagaState:
        """Hand an intervention back to the machine, which tries at once."""
        self._interventions.retry(action)
        return self.state()

    @retry.validator
    def _may_retry(self, action: OperatorAction) -> None:
        self._interventions.may_retry(action)

    def _refuse_past_pivot(self) -> None:
        if self._forward.past_pivot:
            raise conflict("ORDER_ALREADY_COMPLETED", "the order is past its point of no return")
