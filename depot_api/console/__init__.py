"""The page of who watches the day."""

from depot_api.console import page

__all__ = ["page"]
