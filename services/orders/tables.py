"""The orders service's tables."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from services.columns import ByteOrdered, Instant
from services.operations import operations_table

metadata = MetaData()
operations = operations_table(metadata)

orders = Table(
    "orders",
    metadata,
    Column("order_id", ByteOrdered, primary_key=True),
    Column("customer_id", String, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("total_amount", BigInteger, nullable=False, comment="minor units"),
    Column("amount_charged", BigInteger, nullable=False, comment="minor units"),
    Column("points_to_use", BigInteger, nullable=False),
    Column("lines", JSON, nullable=False, comment="[{product_id, quantity, unit_price}, …]"),
    Column("status", String, nullable=False),
    CheckConstraint("status IN ('PENDING', 'COMPLETED', 'CANCELLED')", name="status_known"),
)

saga_records = Table(
    "saga_records",
    metadata,
    Column("saga_id", ByteOrdered, primary_key=True),
    Column("order_id", ByteOrdered, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("customer_id", String, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("status", String, nullable=False),
    Column("error_code", String),
    Column("error_message", Text),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("state", JSON),
    Column("took", BigInteger, comment="microseconds from created_at to ended_at"),
    CheckConstraint(
        "status IN ('STARTED', 'COMPLETED', 'COMPENSATED', 'FAILED')", name="record_status_known"
    ),
    Index("saga_records_newest", "created_at", "saga_id"),
    Index("saga_records_newest_of_status", "status", "created_at", "saga_id"),
    Index("saga_records_newest_of_customer", "customer_id", "created_at", "saga_id"),
    Index("saga_records_newest_of_kind", "kind", "created_at", "saga_id"),
    # Figures are made from this index alone.
    Index("saga_records_ended", "status", "ended_at", "took"),
)

UNPUBLISHED = text("published_at IS NULL")

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("type", String, nullable=False),
    Column("order_id", String, nullable=False),
    Column("event", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("published_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("not_before", Instant, comment="of the next attempt"),
    Index(
        "outbox_unpublished",
        "created_at",
        "event_id",
        sqlite_where=UNPUBLISHED,
        postgresql_where=UNPUBLISHED,
    ),
    Index(
        "outbox_unpublished_of_order",
        "order_id",
        sqlite_where=UNPUBLISHED,
        postgresql_where=UNPUBLISHED,
    ),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("until", Instant, nullable=False),
)

api_requests = Table(
    "api_requests",
    metadata,
    Column("key_hash", String, primary_key=True),
    Column("body_hash", String, nullable=False),
    Column("attempt", String, nullable=False, comment="whose answer counts"),
    Column("answer", Text, comment="NULL while the request runs"),
    Column("begun_at", Instant, nullable=False),
    Index("api_requests_begun", "begun_at"),
)
