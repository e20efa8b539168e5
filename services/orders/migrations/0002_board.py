"""What lists, figures, events out and repeated HTTP requests need."""

import sqlalchemy as sa
from alembic import op

from services.columns import MicrosecondsBetween

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNPUBLISHED = sa.text("published_at IS NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, column in (
            ("orders", "order_id"),
            ("saga_records", "saga_id"),
            ("saga_records", "order_id"),
        ):
            op.alter_column(table, column, type_=sa.String(collation="C"), existing_nullable=False)
    for name, columns in (
        ("saga_records_newest_of_customer", ["customer_id", "created_at", "saga_id"]),
        ("saga_records_newest_of_kind", ["kind", "created_at", "saga_id"]),
    ):
        op.create_index(name, "saga_records", columns, unique=False)
    _time_the_ended()
    op.drop_index("saga_records_ended", table_name="saga_records")
    op.create_index(
        "saga_records_ended", "saga_records", ["status", "ended_at", "took"], unique=False
    )
    op.add_column("outbox", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "outbox",
        sa.Column(
            "not_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the next attempt",
        ),
    )
    op.drop_index("outbox_unpublished", table_name="outbox")
    for name, columns in (
        ("outbox_unpublished", ["created_at", "event_id"]),
        ("outbox_unpublished_of_order", ["order_id"]),
    ):
        op.create_index(
            name,
            "outbox",
            columns,
            unique=False,
            sqlite_where=UNPUBLISHED,
            postgresql_where=UNPUBLISHED,
        )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "api_requests",
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("attempt", sa.String(), nullable=False, comment="whose answer counts"),
        sa.Column("answer", sa.Text(), nullable=True, comment="NULL while the request runs"),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_hash"),
    )
    op.create_index("api_requests_begun", "api_requests", ["begun_at"], unique=False)


def _time_the_ended() -> None:
    op.add_column(
        "saga_records",
        sa.Column(
            "took",
            sa.BigInteger(),
            nullable=True,
            comment="microseconds from created_at to ended_at",
        ),
    )
    records = sa.table(
        "saga_records", sa.column("created_at"), sa.column("ended_at"), sa.column("took")
    )
    took = MicrosecondsBetween(records.c.created_at, records.c.ended_at)
    op.execute(sa.update(records).where(records.c.ended_at.is_not(None)).values(took=took))


def downgrade() -> None:
    raise NotImplementedError("an older program does not know what these tables hold")
