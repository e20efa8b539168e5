"""How a notification leaves the shop: as an e-mail, if a mail server is configured."""

import asyncio
import hashlib
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from models.contract import Contract
from services.database import finished

TIMEOUT_SECONDS = 4
"""Shorter than the activity's attempt, so that the answer is known while somebody waits for it."""


class Mail(Contract):
    """A plain text e-mail to a customer."""

    notification_id: str
    to: str
    subject: str
    text: str


class MailNotSent(Exception):
    """The mail certainly did not leave; it may be sent again. Names no address."""


class Mailer(Protocol):
    """Hands e-mails to a mail system."""

    async def send(self, mail: Mail) -> None:
        """Raises `MailNotSent` if the mail did not leave. Any other error leaves it open."""
        ...


class SmtpMailer:
    """Sends through the server of a URL, `smtp[s]://[user:password@]host[:port]`.

    Options in its query: `from=ADDRESS`, the sender; `starttls=no`, for a relay without TLS on
    the same machine.
    """

    def __init__(self, url: str) -> None:
        self._server = urlsplit(url)
        schemes = ("smtp", "smtps")
        # Asking for the port checks it: it is a number, or it raises.
        if (
            self._server.scheme not in schemes
            or not self._server.hostname
            or self._server.port == 0
        ):
            raise ValueError("a mail server is smtp://HOST or smtps://HOST")
        options = parse_qs(self._server.query)
        self._sender = options.get("from", [f"orders@{self._server.hostname}"])[0]
        self._starttls = options.get("starttls", ["yes"])[0] != "no"

    async def send(self, mail: Mail) -> None:
        """See `Mailer.send`."""
        # A thread cannot be cancelled: leaving it alone would lose what became of the mail.
        await finished(asyncio.to_thread(self._send, self._message(mail)))

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = self._sender
            message["To"] = mail.to
            message["Subject"] = mail.subject
            domain = self._sender.rpartition("@")[2]
            # The same for each attempt: mail systems show a message once that they get twice.
            name = hashlib.sha256(mail.notification_id.encode()).hexdigest()[:32]
            message["Message-ID"] = f"<{name}@{domain}>"
        except ValueError:
            # The package refuses line breaks in headers.
            raise MailNotSent("an e-mail header would have held a line break") from None
        message.set_content(mail.text)
        return message

    def _send(self, message: EmailMessage) -> None:
        try:
            with self._connected() as connection:
                connection.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            if isinstance(error, (TimeoutError, smtplib.SMTPServerDisconnected)):
                raise
            # From None: mail servers quote addresses in their answers.
            raise MailNotSent(f"the mail server said no: {type(error).__name__}") from None

    def _connected(self) -> smtplib.SMTP:
        try:
            return _connect(self._server, self._starttls)
        except (smtplib.SMTPException, OSError) as error:
            raise MailNotSent(f"no mail server: {type(error).__name__}") from None


def _connect(server: SplitResult, starttls: bool) -> smtplib.SMTP:
    host = server.hostname or ""
    if server.scheme == "smtps":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            host, server.port or 465, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = smtplib.SMTP(host, server.port or 587, timeout=TIMEOUT_SECONDS)
    try:
        if server.scheme == "smtp" and starttls:
            connection.starttls(context=ssl.create_default_context())
        if server.username:
            connection.login(unquote(server.username), unquote(server.password or ""))
    except BaseException:
        connection.close()
        raise
    return connection
