"""The inventory's tables."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, MetaData, String, Table

from services.columns import Instant
from services.operations import operations_table

metadata = MetaData()
operations = operations_table(metadata)

products = Table(
    "products",
    metadata,
    Column("product_id", String, primary_key=True),
    Column("price", BigInteger, nullable=False, comment="listed, in minor units"),
    Column("currency", String, nullable=False),
    Column("available", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    CheckConstraint("available >= 0", name="available_not_negative"),
    CheckConstraint("reserved >= 0", name="reserved_not_negative"),
)

reservations = Table(
    "reservations",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("product_id", String, primary_key=True),
    Column("reservation_id", String, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("status IN ('HELD', 'RELEASED')", name="status_known"),
)

stock_movements = Table(
    "stock_movements",
    metadata,
    Column("cause", String, primary_key=True, comment="the operation's key, or `stocked`"),
    Column("product_id", String, primary_key=True),
    Column("order_id", String),
    Column("available", BigInteger, nullable=False, comment="change of what is available"),
    Column("reserved", BigInteger, nullable=False, comment="change of what is reserved"),
    Column("at", Instant, nullable=False),
    Index("stock_movements_of_product", "product_id"),
    Index("stock_movements_of_order", "order_id"),
)
