"""Notifications: written once, and mailed once at most."""

import re
from collections.abc import AsyncIterator

import pytest

from models.errors import ServiceFailure
from services.database import Database
from services.notifications.mailer import Mail, MailNotSent, SmtpMailer
from services.notifications.service import NotificationsService
from services.notifications.tables import notifications as table
from services.notifications.tables import operations
from tests.services.ledgers import rows
from tests.services.orders import notifying, order
from tests.services.smtp import MailServer, mail_server


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def mailing(server: MailServer, notifications_store: Database) -> NotificationsService:
    return NotificationsService(notifications_store, SmtpMailer(server.url))


async def _status(store: Database) -> str:
    (row,) = await rows(store, table)
    return str(row.status)


async def test_the_inbox_is_the_delivery_when_there_is_no_mail_server(
    notifications: NotificationsService, notifications_store: Database
) -> None:
    result = await notifications.send_notification(notifying(order()))
    (row,) = await rows(notifications_store, table)
    assert (row.notification_id, row.status) == (result.notification_id, "DELIVERED")
    assert "We charged 90.00 USD" in row.text


async def test_sends_one_mail_when_called_three_times(
    mailing: NotificationsService, server: MailServer, notifications_store: Database
) -> None:
    for _ in range(3):
        await mailing.send_notification(notifying(order()))
    (mail,) = server.mails
    assert (mail["To"], mail["From"]) == ("customer@example.com", "shop@example.com")
    assert mail["Subject"] == "Your order ORD-1 is complete"
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.com>", mail["Message-ID"])
    assert "We charged 90.00 USD" in mail.get_content()
    assert await _status(notifications_store) == "DELIVERED"
    assert "customer@example.com" not in str(await rows(notifications_store, table))


async def test_sends_no_mail_when_the_customer_gave_no_address(
    mailing: NotificationsService, server: MailServer, notifications_store: Database
) -> None:
    await mailing.send_notification(notifying(order()).model_copy(update={"email": None}))
    assert server.mails == []
    assert await _status(notifications_store) == "DELIVERED"


async def test_sends_later_what_the_mail_server_did_not_take(
    mailing: NotificationsService, server: MailServer, notifications_store: Database
) -> None:
    server.refuses = True
    with pytest.raises(ServiceFailure) as failure:
        await mailing.send_notification(notifying(order()))
    assert "customer@" not in str(failure.value)
    assert await _status(notifications_store) == "WRITTEN"
    server.refuses = False
    await mailing.send_notification(notifying(order()))
    assert len(server.mails) == 1
    assert await _status(notifications_store) == "DELIVERED"


async def test_sends_no_second_mail_when_nobody_knows_what_became_of_the_first(
    mailing: NotificationsService, server: MailServer, notifications_store: Database
) -> None:
    server.hangs_up = True
    with pytest.raises(OSError, match=r"closed"):
        await mailing.send_notification(notifying(order()))
    server.hangs_up = False
    await mailing.send_notification(notifying(order()))
    assert len(server.mails) == 1
    assert await _status(notifications_store) == "SENDING"
    assert len(await rows(notifications_store, operations)) == 1


async def test_fails_when_no_mail_server_is_there() -> None:
    mail = Mail(notification_id="NTF-1", to="a@example.com", subject="Hello", text="Hello\n")
    with pytest.raises(MailNotSent, match="no mail server: ConnectionRefusedError"):
        await SmtpMailer("smtp://127.0.0.1:1").send(mail)


@pytest.mark.parametrize("field", ["to", "subject"])
async def test_sends_no_header_that_somebody_else_wrote(field: str, server: MailServer) -> None:
    mail = Mail(notification_id="NTF-1", to="a@example.com", subject="Hello", text="Hello\n")
    forged = mail.model_copy(update={field: "x@example.com\r\nBcc: victim@example.com"})
    with pytest.raises(MailNotSent):
        await SmtpMailer(server.url).send(forged)
    assert server.mails == []


async def test_a_mail_has_the_same_message_id_each_time_it_is_sent(server: MailServer) -> None:
    mail = Mail(notification_id="NTF-주문" * 40, to="a@example.com", subject="주문", text="주문\n")
    for _ in range(2):
        await SmtpMailer(server.url).send(mail)
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert (first["Subject"], first.get_content().strip()) == ("주문", "주문")


@pytest.mark.parametrize("url", ["http://mail.example.com", "smtp://", "mail.example.com"])
def test_refuses_a_url_that_is_no_mail_server(url: str) -> None:
    with pytest.raises(ValueError, match="a mail server is"):
        SmtpMailer(url)
