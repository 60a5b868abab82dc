"""Ruin and recreate in compiled code (docs/search.md)."""
