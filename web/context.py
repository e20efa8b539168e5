"""What the API and the dashboard are given: the sagas, and who is who."""

from dataclasses import dataclass

from runtime.settings import Settings
from web.access import Access
from web.backend import Backend


@dataclass(frozen=True)
class WebContext:
    """One per process."""

    settings: Settings
    backend: Backend
    access: Access
    demonstration: bool = False
    """Whether the workers' fault file lets the order's id choose which step fails."""
