"""One person at one page: their language and role, and what the page watches for them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fastapi import Request
from nicegui import Client, ui

from client.actions import Action
from runtime.program import CommandError
from web.access import Person, Role
from web.context import WebContext
from web.dashboard.live import Live, Snapshot, Subject
from web.dashboard.texts import LANGUAGE_COOKIE, Texts, preferred_language
from web.problems import of_command

T = TypeVar("T")

logger = logging.getLogger("web.dashboard")

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
    _watches: "list[Watch[Any]]" = field(default_factory=list)

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

    def known(self) -> bool:
        """Whether the session still lasts. If it does not, the page is told nothing more, and is
        led to where people sign in.
        """
        if self.context.access.person(self.request) is not None:
            return True
        for watch in self._watches:
            watch.end()
        if not self.client.is_deleted:
            with self.client:
                ui.run_javascript("window.location.reload()")
        return False

    def told(self, error: CommandError) -> str:
        """The error in words for everybody. What else it says is for the log."""
        code = of_command(error).problem.code
        logger.warning("a person's wish failed", extra={"code": code, "reason": str(error)})
        return self.words.named("problem", code)

    def watch(self, subject: Subject[T], show: Callable[[Snapshot[T]], None]) -> "Watch[T]":
        """Show what the subject shows, as long as the page is connected and the session lasts."""
        watch = Watch(self, subject, show)
        self._watches.append(watch)
        return watch


class Watch(Generic[T]):
    """Keeps a part of one page true, and does nothing while the page is not connected."""

    def __init__(
        self, visit: Visit, subject: Subject[T], show: Callable[[Snapshot[T]], None]
    ) -> None:
        self._visit = visit
        self._client = visit.client
        self._subject = subject
        self._show = show
        self._leave: Callable[[], None] | None = None
        self._client.on_connect(self._begin)
        self._client.on_disconnect(self._pause)
        self._client.on_delete(self.end)

    def look_at(self, subject: Subject[T]) -> None:
        """Watch something else from now on."""
        self.end()
        self._subject = subject
        self._begin()

    def end(self) -> None:
        """Watch nothing, until the page is connected anew or looks at something else."""
        if self._leave is not None:
            self._leave()
            self._leave = None

    def _begin(self) -> None:
        if self._leave is None and self._visit.known():
            self._leave = self._visit.live.watch(self._subject, self._tell)

    def _pause(self) -> None:
        # Also called for the old connection when a new one is there already.
        if not self._client.has_socket_connection:
            self.end()

    def _tell(self, snapshot: Snapshot[T]) -> None:
        if not self._client.is_deleted and self._visit.known():
            with self._client:
                self._show(snapshot)
