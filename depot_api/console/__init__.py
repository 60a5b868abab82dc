"""The page of who watches the day."""

from depot_api.console import console

__all__ = ["console"]
