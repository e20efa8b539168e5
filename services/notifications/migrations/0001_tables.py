"""The notifications service's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("notification_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('WRITTEN', 'SENDING', 'DELIVERED')", name="status_known"),
        sa.PrimaryKeyConstraint("notification_id"),
        sa.UniqueConstraint("order_id", "kind", name="one_of_a_kind"),
    )
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


def downgrade() -> None:
    raise NotImplementedError("there is no way back from the first schema")
