"""The shipping service's tables."""

from sqlalchemy import JSON, CheckConstraint, Column, MetaData, String, Table

from services.columns import Instant
from services.operations import operations_table

metadata = MetaData()
operations = operations_table(metadata)

shipments = Table(
    "shipments",
    metadata,
    Column("shipment_id", String, primary_key=True),
    Column("order_id", String, nullable=False, unique=True),
    Column("customer_id", String, nullable=False),
    Column("shipping_address", String, nullable=False),
    Column("lines", JSON, nullable=False, comment="[{product_id, quantity}, …]"),
    Column("status", String, nullable=False),
    Column("booked_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("status IN ('BOOKED', 'CANCELLED', 'HANDED_OVER')", name="status_known"),
)
