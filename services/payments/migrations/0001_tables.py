"""The payments service's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_entries",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False, comment="`customer:<id>` or `merchant`"),
        sa.Column(
            "amount", sa.BigInteger(), nullable=False, comment="minor units; sums to zero by kind"
        ),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('CAPTURE', 'REFUND')", name="gateway_kind_known"),
        sa.PrimaryKeyConstraint("key", "kind", "account"),
    )
    op.create_table(
        "gateway_payments",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=True),
        sa.Column("declined_because", sa.String(), nullable=True),
        sa.Column("transaction_id", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("captured", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.Column("refunded", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.CheckConstraint(
            "status IN ('CAPTURED', 'DECLINED', 'CANCELLED')", name="gateway_status_known"
        ),
        sa.CheckConstraint(
            "refunded >= 0 AND refunded <= captured", name="gateway_refunded_at_most_captured"
        ),
        sa.PrimaryKeyConstraint("key"),
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
    op.create_table(
        "payment_entries",
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "amount",
            sa.BigInteger(),
            nullable=False,
            comment="minor units, from the customer to us",
        ),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind = 'CAPTURE' AND amount > 0 OR kind = 'REFUND' AND amount < 0",
            name="kind_and_sign",
        ),
        sa.PrimaryKeyConstraint("order_id", "kind"),
    )
    op.create_table(
        "payments",
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.Column("refunded", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.CheckConstraint("captured > 0", name="captured_positive"),
        sa.CheckConstraint(
            "refunded >= 0 AND refunded <= captured", name="refunded_at_most_captured"
        ),
        sa.PrimaryKeyConstraint("order_id"),
        sa.UniqueConstraint("transaction_id"),
    )


def downgrade() -> None:
    raise NotImplementedError("there is no way back from the first schema")
