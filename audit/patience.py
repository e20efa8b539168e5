"""How long the audit waits before it calls something wrong that may only be under way."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Patience:
    """The stores and Temporal share no snapshot, so what looks wrong is looked at again."""

    settle: timedelta = timedelta(seconds=1)
    """Between two looks at the same order."""
    slow: timedelta = timedelta(seconds=60)
    """A workflow that has run for longer is described, to see whether it stands still."""
    poll: timedelta = timedelta(seconds=15)
    """A queue that nobody has polled for so long, though a task waits in it, is unattended."""
