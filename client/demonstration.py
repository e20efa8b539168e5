"""The demonstration: one order that completes, one that is refused at payment and undone."""

import secrets
from pathlib import Path

from rich.console import Console
from rich.text import Text

from client.display import Storyteller, print_comparison
from client.documents import read_order
from client.errors import translated
from client.session import Session
from client.shop import prepare_shop
from models.documents import Shop, ShopCustomer, ShopProduct
from models.order import Order
from models.saga import SagaState, SagaStatus
from models.steps import ErrorCode

_EXAMPLES = Path(__file__).parents[1] / "examples"


async def demonstrate(session: Session, console: Console) -> bool:
    """Place both orders one after the other and tell what happens; whether both ended as expected.

    The product and the customer are fresh as the order ids are, so that neither stock nor points
    run out however often it is shown.
    """
    run = secrets.token_hex(3)
    sample = _own(read_order(str(_EXAMPLES / "order.json")), run)
    declined = _own(read_order(str(_EXAMPLES / "order-declined.json")), run)
    with translated():
        await prepare_shop(session.sagas.client, _shop_for([sample, declined]))
    completed = await _tell(session, console, sample)
    undone = await _tell(session, console, declined)
    print_comparison(console, {"sample order": completed, "declined order": undone})
    _print_links(session, console, [completed, undone])
    return _as_expected(completed, undone)


def _own(order: Order, run: str) -> Order:
    return order.model_copy(
        update={
            "customer_id": f"{order.customer_id}-{run}",
            "lines": tuple(
                line.model_copy(update={"product_id": f"{line.product_id}-{run}"})
                for line in order.lines
            ),
        }
    )


def _shop_for(orders: list[Order]) -> Shop:
    products = {
        line.product_id: ShopProduct(
            product_id=line.product_id, price=line.unit_price, currency=order.currency, stock=10
        )
        for order in orders
        for line in order.lines
    }
    customers = {
        order.customer_id: ShopCustomer(customer_id=order.customer_id, points=1000)
        for order in orders
    }
    return Shop(products=tuple(products.values()), customers=tuple(customers.values()))


async def _tell(session: Session, console: Console, order: Order) -> SagaState:
    story = Storyteller(console)
    await session.sagas.place(order)
    async for observation in session.sagas.follow(order.order_id):
        story.tell(observation)
    story.ending(observation.state)
    console.print()
    return observation.state


def _print_links(session: Session, console: Console, states: list[SagaState]) -> None:
    console.print()
    pages = [session.server.workflow_page(state.saga_id) for state in states]
    for state, page in zip(states, pages, strict=True):
        if page is not None:
            console.print(Text(f"{state.order_id}\n  {page}"))
    if session.embedded:
        console.print(
            Text(
                "These pages open while `make up` runs: the server and the workers that this\n"
                "command has brought along end with it, and their orders are kept."
            )
        )


def _as_expected(completed: SagaState, undone: SagaState) -> bool:
    return (
        completed.status is SagaStatus.COMPLETED
        and undone.status is SagaStatus.COMPENSATED
        and undone.error_code is ErrorCode.PAYMENT_PROCESSING_FAILED
    )
