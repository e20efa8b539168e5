"""The notifications service: what customers are told about their orders."""

from datetime import UTC, datetime

from sqlalchemy import update

from models.calls import SendNotificationInput, SendNotificationResult
from models.errors import ServiceFailure
from models.steps import SEND_NOTIFICATION
from services.database import Connection, Database
from services.notifications.mailer import Mail, Mailer, MailNotSent
from services.notifications.tables import notifications, operations
from services.operations import Operations, forward

KIND = "ORDER_COMPLETED"


class NotificationsService:
    """Writes a notification into the customer's inbox in the shop, and mails it if it can.

    A customer gets one mail about an order at most. Whether a mail that was cut off in the middle
    has left nobody knows, so it is not sent again: the notification stays `SENDING`, and the
    inbox has it anyway.
    """

    def __init__(self, database: Database, mailer: Mailer | None = None) -> None:
        self._database = database
        self._mailer = mailer
        self._operations = Operations(database, operations)

    async def send_notification(self, request: SendNotificationInput) -> SendNotificationResult:
        """Tells the customer that the order is complete, once.

        Raises `ServiceFailure` if the mail server did not take the mail; it may be tried again.
        """
        call = forward(SEND_NOTIFICATION, request.order_id, request, SendNotificationResult)
        if self._mailer is None or request.email is None:
            return await self._operations.perform(
                call, lambda connection: self._write(connection, request, "DELIVERED")
            )
        mailer, mail = self._mailer, _mail(request, request.email)
        return await self._operations.perform_outside(
            call,
            lambda: self._deliver(request, mailer, mail),
            lambda connection, _: self._write(connection, request, "DELIVERED"),
        )

    async def _deliver(self, request: SendNotificationInput, mailer: Mailer, mail: Mail) -> None:
        async with self._database.transaction() as connection:
            await self._write(connection, request, "WRITTEN")
            if not await self._move(connection, request.order_id, "WRITTEN", "SENDING"):
                return
        try:
            await mailer.send(mail)
        except MailNotSent as error:
            await self._moved(request.order_id, "SENDING", "WRITTEN")
            raise ServiceFailure(str(error)) from None
        await self._moved(request.order_id, "SENDING", "DELIVERED")

    async def _moved(self, order_id: str, before: str, after: str) -> None:
        async with self._database.transaction() as connection:
            await self._move(connection, order_id, before, after)

    @staticmethod
    async def _write(
        connection: Connection, request: SendNotificationInput, status: str
    ) -> SendNotificationResult:
        """Writes the notification unless it is already there."""
        subject, text = _rendered(request)
        notification_id = _notification_id(request.order_id)
        row = connection.insert(notifications).values(
            notification_id=notification_id,
            order_id=request.order_id,
            kind=KIND,
            customer_id=request.customer_id,
            subject=subject,
            text=text,
            status=status,
            created_at=datetime.now(UTC),
        )
        await connection.execute(row.on_conflict_do_nothing())
        return SendNotificationResult(notification_id=notification_id)

    @staticmethod
    async def _move(connection: Connection, order_id: str, before: str, after: str) -> bool:
        moved = await connection.execute(
            update(notifications)
            .where(
                notifications.c.order_id == order_id,
                notifications.c.kind == KIND,
                notifications.c.status == before,
            )
            .values(status=after)
        )
        return moved.rowcount == 1


def _notification_id(order_id: str) -> str:
    return f"NTF-{order_id}-completed"


def _mail(request: SendNotificationInput, address: str) -> Mail:
    subject, text = _rendered(request)
    notification_id = _notification_id(request.order_id)
    return Mail(notification_id=notification_id, to=address, subject=subject, text=text)


def _rendered(request: SendNotificationInput) -> tuple[str, str]:
    """Subject and text."""
    return (
        f"Your order {request.order_id} is complete",
        f"Thank you for your order {request.order_id}.\n\n"
        f"We charged {request.amount_charged} {request.currency}. Your parcel is on its way.\n",
    )
