"""What a rule is: a name, a service, a text that says what must be so and what to do if not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from audit.facts import OrderFacts
from audit.report import Figure, Finding
from models.steps import Service, Step

Figures = Mapping[str, Figure]


@dataclass(frozen=True)
class Rule:
    """Something that must be so. The text is the docstring of the function that checks it."""

    name: str
    service: Service
    """Where a violation is to be mended."""
    text: str

    @property
    def demand(self) -> str:
        """What the text demands, without what to do about it."""
        return self.text.partition("\n")[0]

    def violated(self, order_id: str | None, figures: Figures) -> Finding:
        """The finding that these figures make."""
        return Finding(
            rule=self.name,
            service=self.service,
            order_id=order_id,
            says=self.demand,
            figures=dict(figures),
        )


OrderCheck = Callable[[OrderFacts], Figures | None]
"""The figures of a violation, or None."""


@dataclass(frozen=True)
class OrderRule(Rule):
    """Something that must be so for every order."""

    check: OrderCheck
    step: Step | None
    """If a person resolved or abandoned this step's undo, a violation is accepted."""

    def finding(self, order: OrderFacts) -> Finding | None:
        """What is wrong with the order, unless a person has accepted that."""
        figures = self.check(order)
        if figures is None or (self.step is not None and self.step in order.accepted):
            return None
        return self.violated(order.order_id, figures)


def order_rule(service: Service, step: Step | None = None) -> Callable[[OrderCheck], OrderRule]:
    """Makes a rule of a function."""

    def rule(check: OrderCheck) -> OrderRule:
        return OrderRule(check.__name__, service, check.__doc__ or "", check, step)

    return rule
