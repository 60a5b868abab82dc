"""How the depot's tables came about, step by step (Alembic). ``Store`` runs what is missing when it opens."""
