"""What the payments service asks of a payment provider."""

from typing import Protocol

from models.contract import Contract
from models.errors import Refusal


class Charge(Contract):
    """A payment to take. The token never leaves the call: nobody stores it."""

    customer_id: str
    amount: int
    """Minor units."""
    currency: str
    payment_method: str
    payment_token: str | None


class Capture(Contract):
    """Money that was taken."""

    transaction_id: str
    customer_id: str
    amount: int
    """Minor units."""
    currency: str


class ChargeCancelled(Refusal):
    """The key was cancelled: nothing can be captured under it any more."""


class PaymentGateway(Protocol):
    """A payment provider. Each call may be repeated under its key."""

    async def capture(self, key: str, charge: Charge) -> Capture:
        """Takes the money once, however often it is called with the key.

        Raises `PaymentDeclined`, `KeyReused` for another charge under the key, and
        `ChargeCancelled` after `cancel`; any other error leaves it open whether money was taken.
        """
        ...

    async def cancel(self, key: str) -> Capture | None:
        """Gives back in full what was captured under the key, and lets nothing be captured later.

        Both at once. Answers what was captured and is refunded, or None; the same again if it is
        called again.
        """
        ...
