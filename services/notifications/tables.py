"""The notifications service's tables."""

from sqlalchemy import CheckConstraint, Column, MetaData, String, Table, Text, UniqueConstraint

from services.columns import Instant
from services.operations import operations_table

metadata = MetaData()
operations = operations_table(metadata)

notifications = Table(
    "notifications",
    metadata,
    Column("notification_id", String, primary_key=True),
    Column("order_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("customer_id", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("order_id", "kind", name="one_of_a_kind"),
    CheckConstraint("status IN ('WRITTEN', 'SENDING', 'DELIVERED')", name="status_known"),
)
