"""People: last use of a session, logins tried, proof of service and paces distilled, what retention deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    seq = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.add_column("sessions", sa.Column("seen_us", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "attempts",
        sa.Column("id", seq, primary_key=True, autoincrement=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("attempts_by_key", "attempts", ["key", "at_us"])
    op.create_table(
        "services",
        sa.Column("date", sa.Text, primary_key=True),
        sa.Column("tour", sa.Text, primary_key=True),
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("truck", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "paces",
        sa.Column("year", sa.Integer, primary_key=True),
        sa.Column("what", sa.Text, primary_key=True),
        sa.Column("street_class", sa.Text, primary_key=True),
        sa.Column("hour", sa.Integer, primary_key=True),
        sa.Column("seconds", sa.BigInteger, nullable=False),
        sa.Column("metres", sa.BigInteger, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "distilled",
        sa.Column("date", sa.Text, primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deletions",
        sa.Column("id", seq, primary_key=True, autoincrement=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
