"""Which Temporal server a process talks to, and how it was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote


class Found(StrEnum):
    """How a server was found; the values are told to people."""

    CONFIGURED = "from Temporal's own settings"
    EMBEDDED = "the embedded server of the data folder"
    DEFAULT = "the default address"


@dataclass(frozen=True)
class Server:
    """A Temporal server. Whether it answers is seen by `runtime.connection.connect`."""

    address: str
    """host:port of the gRPC service."""
    found: Found
    namespace: str = "default"
    web_ui: str | None = None
    """Base URL of the Web UI; None where it is not known."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Further arguments for `Client.connect`; may hold an API key, so it is never printed."""

    def workflow_page(self, workflow_id: str) -> str | None:
        """The Web UI's page of a workflow; None where the Web UI is not known."""
        if self.web_ui is None:
            return None
        return f"{self.web_ui}/namespaces/{self.namespace}/workflows/{quote(workflow_id, safe='')}"
