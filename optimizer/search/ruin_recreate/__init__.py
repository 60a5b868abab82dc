"""Ruin and recreate in compiled code (docs/search.md)."""

from optimizer.search.ruin_recreate import kernel_cache

kernel_cache.forget_stale()
