"""Plans and tours that were published with their drivers' names lose them: what is stored names nobody."""

from __future__ import annotations

import hashlib

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_PLANS = sa.table(
    "plans", sa.column("date"), sa.column("version"), sa.column("sha256"), sa.column("body"), sa.column("nodes")
)
_TOURS = sa.table("tours", sa.column("date"), sa.column("version"), sa.column("tour"), sa.column("body"))


def upgrade() -> None:
    connection = op.get_bind()
    # one at a time: a year's plans are gigabytes
    for date, version in connection.execute(sa.select(_PLANS.c.date, _PLANS.c.version)).all():
        this = (_PLANS.c.date == date, _PLANS.c.version == version)
        row = connection.execute(sa.select(_PLANS.c.body, _PLANS.c.nodes).where(*this)).one()
        plan = orjson.loads(row.body)
        plan["tours"] = [{**tour, "driver": None} for tour in plan["tours"]]
        body = orjson.dumps(plan)
        # the sum that the same plan will have when it is sent again, so that it stays the version that it is
        sha256 = hashlib.sha256(body + row.nodes.encode()).hexdigest()
        connection.execute(sa.update(_PLANS).where(*this).values(body=body.decode(), sha256=sha256))
    for date, version, tour in connection.execute(sa.select(_TOURS.c.date, _TOURS.c.version, _TOURS.c.tour)).all():
        own = (_TOURS.c.date == date, _TOURS.c.version == version, _TOURS.c.tour == tour)
        told = orjson.loads(connection.execute(sa.select(_TOURS.c.body).where(*own)).scalar_one())
        told.pop("driver", None)
        connection.execute(sa.update(_TOURS).where(*own).values(body=orjson.dumps(told).decode()))
