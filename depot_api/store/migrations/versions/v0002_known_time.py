import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    seq = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "known_time",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("known_us", sa.BigInteger),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("doubted_us", sa.BigInteger),
        sa.Column("behind", sa.Integer, nullable=False),
        sa.Column("said_us", sa.BigInteger),
    )
    op.create_table(
        "refusals",
        sa.Column("id", seq, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("tried_us", sa.BigInteger, nullable=False),
        sa.Column("told_us", sa.BigInteger),
        sa.Column("ended_us", sa.BigInteger),
        sa.Column("ended_by", sa.Text),
        sa.Column("how", sa.Text),
        sqlite_autoincrement=True,
    )
