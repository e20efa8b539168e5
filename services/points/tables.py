"""The points service's tables."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, MetaData, String, Table

from services.columns import Instant
from services.operations import operations_table

metadata = MetaData()
operations = operations_table(metadata)

customers = Table(
    "customers",
    metadata,
    Column("customer_id", String, primary_key=True),
    Column("balance", BigInteger, nullable=False),
    CheckConstraint("balance >= 0", name="balance_not_negative"),
)

point_entries = Table(
    "point_entries",
    metadata,
    Column("cause", String, primary_key=True, comment="the operation's key, or `enrolled`"),
    Column("customer_id", String, primary_key=True),
    Column("order_id", String),
    Column("points", BigInteger, nullable=False, comment="change of the balance"),
    Column("at", Instant, nullable=False),
    Index("point_entries_of_customer", "customer_id"),
    Index("point_entries_of_order", "order_id"),
)
