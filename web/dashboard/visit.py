"""One person at one page: their language and role, and what the page watches for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import Request
from nicegui import Client

from client.actions import Action
from web.access import Person, Role
from web.context import WebContext
from web.dashboard.live import Live, Snapshot, Subject
from web.dashboard.texts import LANGUAGE_COOKIE, Texts, preferred_language

T = TypeVar("T")

NEEDED = {action: Role.OPERATOR for action in Action} | {Action.CANCEL: Role.CUSTOMER_SERVICE}
"""The role that each action needs."""


@dataclass
class Visit:
    """Made anew for each page that is opened."""

    context: WebContext
    live: Live
    request: Request
    client: Client
    person: Person
    words: Texts

    @classmethod
    def of(cls, context: WebContext, live: Live, request: Request, client: Client) -> "Visit":
        """The visit that this request begins."""
        language = preferred_language(
            request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
        )
        # The guard before the dashboard lets nobody in who is not known.
        person = context.access.person(request) or Person(Role.VIEWER)
        return cls(context, live, request, client, person, Texts(language))

    def may(self, needed: Role) -> bool:
        """Whether the person may do this now: sessions end while pages stay open."""
        person = self.context.access.person(self.request)
        return person is not None and person.role.covers(needed)

    def watch(self, subject: Subject[T], show: Callable[[Snapshot[T]], None]) -> "Watch[T]":
        """Show what the subject shows, as long as the page is connected."""
        return Watch(self.live, self.client, subject, show)


class Watch(Generic[T]):
    """Keeps a part of one page true, and does nothing while the page is not connected."""

    def __init__(
        self, live: Live, client: Client, subject: Subject[T], show: Callable[[Snapshot[T]], None]
    ) -> None:
        self._live = live
        self._client = client
        self._subject = subject
        self._show = show
        self._leave: Callable[[], None] | None = None
        client.on_connect(self._begin)
        client.on_disconnect(self._pause)
        client.on_delete(self._end)

    def look_at(self, subject: Subject[T]) -> None:
        """Watch something else from now on."""
        self._end()
        self._subject = subject
        self._begin()

    def _begin(self) -> None:
        if self._leave is None:
            self._leave = self._live.watch(self._subject, self._tell)

    def _pause(self) -> None:
        # Also called for the old connection when a new one is there already.
        if not self._client.has_socket_connection:
            self._end()

    def _end(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None

    def _tell(self, snapshot: Snapshot[T]) -> None:
        if not self._client.is_deleted:
            with self._client:
                self._show(snapshot)
