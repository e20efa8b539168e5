"""Alert targets on the loopback interface that keep what they are sent: by mail and by HTTP."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SECRET = "hunter2-a-secret-of-ours"
USER = "ops"
_SECONDS = 30


class Target:
    """The alerts that one target has taken, and how it behaves."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        """Each alert's title and text."""
        self.refused = 0
        self.refuses: Callable[[str], bool] = lambda alert: False
        self._changed = threading.Condition()

    def receive(self, alert: str) -> bool:
        """Whether the alert is taken."""
        with self._changed:
            taken = not self.refuses(alert)
            if taken:
                self.taken.append(alert)
            else:
                self.refused += 1
            self._changed.notify_all()
        return taken

    def alerts_of(self, order_id: str, least: int = 1) -> list[str]:
        """All alerts of this order, once there are so many."""
        return self.alerts_with(f"order: {order_id}\n", least)

    def alerts_with(self, text: str, least: int = 1) -> list[str]:
        """All alerts that say this, once there are so many."""

        def found() -> list[str]:
            return [alert for alert in self.taken if text in alert]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= least, _SECONDS), self.taken
            return found()


class MailTarget(Target):
    """A mail server that wants a password."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0

    @property
    def url(self) -> str:
        return (
            f"mailto://{USER}:{SECRET}@127.0.0.1:{self.port}/operators@example.com"
            "?smtp=127.0.0.1&mode=insecure&from=shop@example.com"
        )

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login, data.password) == (USER.encode(), SECRET.encode()))

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, EmailMessage, policy=policy.default)
        assert envelope.rcpt_tos == ["operators@example.com"]
        body = mail.get_body(("plain",))
        assert body is not None
        lines = [str(mail["subject"]), *body.get_content().splitlines()]
        taken = self.receive("\n".join(lines))
        return "250 OK" if taken else "451 try again"


class _OnFreePort(Controller):
    """`Controller` cannot be told to find a free port by itself."""

    def __init__(self, target: MailTarget) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        target.port = self._listening.getsockname()[1]
        super().__init__(
            target,
            hostname="127.0.0.1",
            port=target.port,
            authenticator=target.authenticate,
            auth_required=True,
            auth_require_tls=False,
        )

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listening)


@contextmanager
def mail_target() -> Iterator[MailTarget]:
    """A mail server that runs while the block does."""
    target = MailTarget()
    controller = _OnFreePort(target)
    controller.start()
    try:
        yield target
    finally:
        controller.stop()


class HttpTarget(Target):
    """A web hook; who knows its path may write to it."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self.slowness = 0.0
        """Seconds before it answers."""

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/{SECRET}"


@contextmanager
def http_target() -> Iterator[HttpTarget]:
    """A web hook that runs while the block does. It answers 500 to what it refuses."""
    target = HttpTarget()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == f"/{SECRET}"
            said: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(target.slowness)
            self.send_response(
                200 if target.receive(f"{said['title']}\n{said['message']}") else 500
            )
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Not on the test's stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    target.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield target
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
