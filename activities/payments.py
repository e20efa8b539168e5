"""The payments service as Temporal calls it: take the money, and give it back."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.translation import domain_errors
from models.calls import CompensationInput, ProcessPaymentInput, ProcessPaymentResult
from models.steps import Service

if TYPE_CHECKING:
    from services.payments.service import PaymentsService


class PaymentsActivities:
    """The payments service's operations, by their wire names."""

    def __init__(self, service: "PaymentsService") -> None:
        self._service = service

    @activity.defn(name="process_payment")
    async def process_payment(self, call: ProcessPaymentInput) -> ProcessPaymentResult:
        """Capture the amount at the payment gateway."""
        with domain_errors(Service.PAYMENTS):
            return await self._service.process_payment(call)

    @activity.defn(name="refund_payment")
    async def refund_payment(self, call: CompensationInput) -> None:
        """Undo `process_payment`."""
        with domain_errors(Service.PAYMENTS):
            await self._service.refund_payment(call)
