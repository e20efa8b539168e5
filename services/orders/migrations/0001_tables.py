"""The orders service's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operations",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("refusal", sa.String(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("fenced", sa.Boolean(), nullable=False),
        sa.Column("fenced_calls", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_operations_order_id"), "operations", ["order_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total_amount", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.Column("amount_charged", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.Column("points_to_use", sa.BigInteger(), nullable=False),
        sa.Column(
            "lines", sa.JSON(), nullable=False, comment="[{product_id, quantity, unit_price}, …]"
        ),
        sa.Column("status", sa.String(), nullable=False),
        sa.CheckConstraint("status IN ('PENDING', 'COMPLETED', 'CANCELLED')", name="status_known"),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("event", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("outbox_unpublished", "outbox", ["published_at", "created_at"], unique=False)
    op.create_table(
        "saga_records",
        sa.Column("saga_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.JSON(), nullable=True),
        sa.CheckConstraint(
            "status IN ('STARTED', 'COMPLETED', 'COMPENSATED', 'FAILED')",
            name="record_status_known",
        ),
        sa.PrimaryKeyConstraint("saga_id"),
        sa.UniqueConstraint("order_id"),
    )
    op.create_index("saga_records_ended", "saga_records", ["ended_at"], unique=False)
    op.create_index("saga_records_newest", "saga_records", ["created_at", "saga_id"], unique=False)
    op.create_index(
        "saga_records_newest_of_status",
        "saga_records",
        ["status", "created_at", "saga_id"],
        unique=False,
    )


def downgrade() -> None:
    raise NotImplementedError("there is no way back from the first schema")
