"""Alembic's own entry: the connection comes from ``Store``, inside a transaction that it ends."""

from __future__ import annotations

from alembic import context

from depot_api.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transaction_per_migration=False,
)
context.run_migrations()
