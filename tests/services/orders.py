"""Orders and sagas' states to test the services with."""

from datetime import UTC, datetime

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
from models.documents import ShopCustomer, ShopProduct
from models.money import decimal_string
from models.order import Order, OrderLine
from models.saga import SagaKind, SagaState, SagaStatus, StateLine
from models.steps import ErrorCode

PLACED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDED_AT = datetime(2026, 1, 2, 3, 4, 9, tzinfo=UTC)
PRODUCT = ShopProduct(product_id="PROD-1", price=5000, currency="USD", stock=100)
OTHER_PRODUCT = ShopProduct(product_id="PROD-2", price=1999, currency="USD", stock=10)
CUSTOMER = ShopCustomer(customer_id="CUST-1", points=1000)


def line(product: ShopProduct = PRODUCT, quantity: int = 1) -> OrderLine:
    return OrderLine(product_id=product.product_id, quantity=quantity, unit_price=product.price)


def order(order_id: str = "ORD-1", *lines: OrderLine, points: int = 10) -> Order:
    lines = lines or (line(quantity=2),)
    return Order(
        order_id=order_id,
        customer_id=CUSTOMER.customer_id,
        lines=lines,
        currency="USD",
        total_amount=sum(line.amount for line in lines),
        points_to_use=points,
        payment_method="credit_card",
        payment_token="tok_visa",
        shipping_address="서울특별시 중구 세종대로 110",
        notification_email="customer@example.com",
    )


def state(order: Order, status: SagaStatus, kind: SagaKind = SagaKind.ORCHESTRATED) -> SagaState:
    """The state of the order's saga at its end."""
    undone = status is not SagaStatus.COMPLETED
    return SagaState(
        saga_id=f"order-{order.order_id}",
        kind=kind,
        order_id=order.order_id,
        customer_id=order.customer_id,
        items=tuple(
            StateLine(
                product_id=line.product_id,
                quantity=line.quantity,
                price=decimal_string(line.unit_price, order.currency),
            )
            for line in order.lines
        ),
        currency=order.currency,
        total_amount=decimal_string(order.total_amount, order.currency),
        amount_charged=decimal_string(order.amount_charged, order.currency),
        points_to_use=order.points_to_use,
        status=status,
        current_step=status,
        error_code=ErrorCode.PAYMENT_PROCESSING_FAILED if undone else None,
        error_message="the card was declined" if undone else None,
        created_at=PLACED_AT,
        updated_at=ENDED_AT,
        completed_at=None if undone else ENDED_AT,
        failed_at=ENDED_AT if status is SagaStatus.FAILED else None,
        compensated_at=ENDED_AT if status is SagaStatus.COMPENSATED else None,
    )


def creating(order: Order, kind: SagaKind = SagaKind.ORCHESTRATED) -> CreateOrderInput:
    return CreateOrderInput(
        order=order, saga_id=f"order-{order.order_id}", kind=kind, placed_at=PLACED_AT
    )


def closing(
    order: Order, status: SagaStatus, kind: SagaKind = SagaKind.ORCHESTRATED
) -> CloseOrderInput:
    return CloseOrderInput(order=order, state=state(order, status, kind))


def reserving(order: Order) -> ReserveInventoryInput:
    return ReserveInventoryInput(
        order_id=order.order_id, currency=order.currency, lines=order.lines
    )


def paying(order: Order, token: str | None = "tok_visa") -> ProcessPaymentInput:
    return ProcessPaymentInput(
        order_id=order.order_id,
        customer_id=order.customer_id,
        amount=order.amount_charged,
        currency=order.currency,
        payment_method=order.payment_method,
        payment_token=token,
    )


def deducting(order: Order) -> DeductPointsInput:
    return DeductPointsInput(
        order_id=order.order_id, customer_id=order.customer_id, points=order.points_to_use
    )


def shipping(order: Order) -> CreateShipmentInput:
    return CreateShipmentInput(
        order_id=order.order_id,
        customer_id=order.customer_id,
        shipping_address=order.shipping_address,
        lines=order.lines,
    )


def notifying(order: Order) -> SendNotificationInput:
    return SendNotificationInput(
        order_id=order.order_id,
        customer_id=order.customer_id,
        email=order.notification_email,
        amount_charged=decimal_string(order.amount_charged, order.currency),
        currency=order.currency,
    )


def undoing(order: Order) -> CompensationInput:
    return CompensationInput(order_id=order.order_id)
