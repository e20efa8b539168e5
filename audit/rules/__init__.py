"""The rules about single orders."""

from audit.rules import money, parcels, points, saga, stock, undos
from audit.rules.rule import OrderRule

ORDER_RULES: tuple[OrderRule, ...] = (
    *saga.RULES,
    *stock.RULES,
    *money.RULES,
    *points.RULES,
    *parcels.RULES,
    *undos.RULES,
)
