"""The payments service's tables, and those of the sandbox gateway that lives beside it."""

from sqlalchemy import BigInteger, CheckConstraint, Column, MetaData, String, Table

from services.columns import Instant
from services.operations import operations_table

metadata = MetaData()
operations = operations_table(metadata)

payments = Table(
    "payments",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("transaction_id", String, nullable=False, unique=True),
    Column("customer_id", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("captured", BigInteger, nullable=False, comment="minor units"),
    Column("refunded", BigInteger, nullable=False, comment="minor units"),
    CheckConstraint("captured > 0", name="captured_positive"),
    CheckConstraint("refunded >= 0 AND refunded <= captured", name="refunded_at_most_captured"),
)

payment_entries = Table(
    "payment_entries",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("amount", BigInteger, nullable=False, comment="minor units, from the customer to us"),
    Column("currency", String, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint(
        "kind = 'CAPTURE' AND amount > 0 OR kind = 'REFUND' AND amount < 0", name="kind_and_sign"
    ),
)

gateway_payments = Table(
    "gateway_payments",
    metadata,
    Column("key", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("body_hash", String),
    Column("declined_because", String),
    Column("transaction_id", String),
    Column("customer_id", String),
    Column("currency", String),
    Column("captured", BigInteger, nullable=False, comment="minor units"),
    Column("refunded", BigInteger, nullable=False, comment="minor units"),
    CheckConstraint("status IN ('CAPTURED', 'DECLINED', 'CANCELLED')", name="gateway_status_known"),
    CheckConstraint(
        "refunded >= 0 AND refunded <= captured", name="gateway_refunded_at_most_captured"
    ),
)

gateway_entries = Table(
    "gateway_entries",
    metadata,
    Column("key", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("account", String, primary_key=True, comment="`customer:<id>` or `merchant`"),
    Column("amount", BigInteger, nullable=False, comment="minor units; sums to zero by kind"),
    Column("currency", String, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("kind IN ('CAPTURE', 'REFUND')", name="gateway_kind_known"),
)
