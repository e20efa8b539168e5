"""A mail server on the loopback interface that keeps what it is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer:
    """Speaks as much SMTP as it takes to get a mail, or to lose one."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False
        """Says no to every recipient."""
        self.hangs_up = False
        """Takes the mail and hangs up without saying so."""
        self.port = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?starttls=no&from=shop@example.com"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(message_from_bytes(content[:-3], policy=policy.default))
                if self.hangs_up:
                    break
            writer.write(self._answer(verb))
        writer.close()
        await writer.wait_closed()

    def _answer(self, verb: bytes) -> bytes:
        if verb == b"RCPT" and self.refuses:
            return b"550 nobody called customer@example.com lives here\r\n"
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 well\r\n"


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """A running server on a free port."""
    mails = MailServer()
    server = await asyncio.start_server(mails.talk, "127.0.0.1", 0)
    mails.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mails
