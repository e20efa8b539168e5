"""The errors of the services, and their names on the wire.

::

    DomainError                     something a service says in its own words
    ├── Refusal                     no, and it vouches that this call had no effect
    │   ├── OrderIdTaken            the id belongs to another order
    │   ├── OrderGivenUp            the order has ended with an accepted loss
    │   ├── OrderNotOpen            an order that is not open cannot be completed
    │   ├── UnknownProduct
    │   ├── PriceChanged            the listed price is another one
    │   ├── OutOfStock
    │   ├── PaymentDeclined         by the payment gateway
    │   ├── UnknownCustomer
    │   ├── NotEnoughPoints
    │   ├── ShipmentHandedOver      the parcel has left: it cannot be cancelled by machine
    │   ├── RefusedByFault          ordered by a fault file
    │   ├── KeyReused               the idempotency key stands for another request
    │   └── Fenced                  the call came after its own undo
    └── ServiceFailure              the outcome is unknown; the call may be repeated

A class's name is its wire name (`ApplicationError.type`): renaming one breaks running
sagas. Messages are read by customers and operators and stand in Temporal's history in clear:
no address, e-mail, token or card number belongs in one.
"""


class DomainError(Exception):
    """Something a service says in its own words."""


class Refusal(DomainError):
    """The service says no and vouches that this call had no effect."""


class OrderIdTaken(Refusal):
    """The order id belongs to an order with other content or of another kind."""


class OrderGivenUp(Refusal):
    """The order has ended with an accepted loss, and no later run of its saga changes that."""


class OrderNotOpen(Refusal):
    """Only an open order can be completed."""


class UnknownProduct(Refusal):
    """No product has this id."""


class PriceChanged(Refusal):
    """The product's listed price is not the one that was ordered at."""


class OutOfStock(Refusal):
    """Less is available than was ordered."""


class PaymentDeclined(Refusal):
    """The payment gateway declined the payment."""


class UnknownCustomer(Refusal):
    """No customer has this id."""


class NotEnoughPoints(Refusal):
    """The customer's balance is lower than the points to use."""


class ShipmentHandedOver(Refusal):
    """The parcel is with the carrier, so only a person can get it back."""


class RefusedByFault(Refusal):
    """A fault file orders this refusal."""


class KeyReused(Refusal):
    """The idempotency key already stands for a request with another content."""


class Fenced(Refusal):
    """The call came after its own undo, and will never have an effect."""


class ServiceFailure(DomainError):
    """The service failed; whether the call had an effect is unknown."""


REFUSALS = frozenset(refusal.__name__ for refusal in Refusal.__subclasses__()) - {
    KeyReused.__name__
}
"""The wire names that mean "no, and nothing happened". A name that the reader does not know
counts as an unknown outcome, which is always safe: it is undone. So does `KeyReused`: this call
had no effect, but one under the same key was made before and may have had one."""

UNDONE_BEFORE = frozenset({Fenced.__name__, OrderGivenUp.__name__})
"""Those of them that say: this was undone before, by a run of the saga before a reset."""
