"""The shipping service: which parcel goes where, and whether it has left."""

from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from models.calls import CompensationInput, CreateShipmentInput, CreateShipmentResult
from models.errors import Refusal, ShipmentHandedOver
from models.steps import CREATE_SHIPMENT
from services.database import Connection, Database
from services.operations import Operations, forward, undo
from services.shipping.tables import operations, shipments


class ShippingService:
    """Books shipments. Once a parcel is with the carrier, only a person can get it back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._operations = Operations(database, operations)

    async def create_shipment(self, request: CreateShipmentInput) -> CreateShipmentResult:
        """Books a shipment of the order's lines to its address."""
        return await self._operations.perform(
            forward(CREATE_SHIPMENT, request.order_id, request, CreateShipmentResult),
            lambda connection: self._book(connection, request),
        )

    async def cancel_shipment(self, request: CompensationInput) -> None:
        """Cancels the order's shipment. Raises `ShipmentHandedOver` if the parcel has left."""
        await self._operations.perform(
            undo(CREATE_SHIPMENT, request.order_id),
            lambda connection: self._cancel(connection, request.order_id),
        )

    async def hand_over(self, order_id: str) -> None:
        """What the warehouse says when the carrier has the parcel; saying it again is harmless.

        Raises `Refusal` if the order has no shipment that may leave.
        """
        async with self._database.transaction() as connection:
            if not await self._move(connection, order_id, ("BOOKED", "HANDED_OVER"), "HANDED_OVER"):
                raise Refusal(f"{order_id} has no shipment that may be handed over")

    async def _book(
        self, connection: Connection, request: CreateShipmentInput
    ) -> CreateShipmentResult:
        shipment_id = f"SHP-{request.order_id}"
        now = datetime.now(UTC)
        await connection.execute(
            insert(shipments).values(
                shipment_id=shipment_id,
                order_id=request.order_id,
                customer_id=request.customer_id,
                shipping_address=request.shipping_address,
                lines=[
                    {"product_id": line.product_id, "quantity": line.quantity}
                    for line in request.lines
                ],
                status="BOOKED",
                booked_at=now,
                changed_at=now,
            )
        )
        return CreateShipmentResult(shipment_id=shipment_id)

    async def _cancel(self, connection: Connection, order_id: str) -> None:
        if await self._move(connection, order_id, ("BOOKED",), "CANCELLED"):
            return
        status = await connection.scalar(
            select(shipments.c.status).where(shipments.c.order_id == order_id)
        )
        if status == "HANDED_OVER":
            raise ShipmentHandedOver(f"the parcel of {order_id} is already with the carrier")

    @staticmethod
    async def _move(
        connection: Connection, order_id: str, from_statuses: tuple[str, ...], to_status: str
    ) -> bool:
        moved = await connection.execute(
            update(shipments)
            .where(shipments.c.order_id == order_id, shipments.c.status.in_(from_statuses))
            .values(status=to_status, changed_at=datetime.now(UTC))
        )
        return moved.rowcount == 1
