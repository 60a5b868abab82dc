"""Where the tests find real data, and what they do where a service is absent."""

import os
from pathlib import Path

import pytest

from .services import db_url, postgres_cluster, postgres_url
from .towns import boeblingen, heidelberg, monaco

#: Fixtures: real towns, each read once per session; an empty database of each kind.
__all__ = ["boeblingen", "db_url", "heidelberg", "monaco", "postgres_cluster", "postgres_url"]

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and benchmark instances, beside the repository or at RIPEUR_SHARED."""
    folder = Path(os.environ.get("RIPEUR_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"real data: no folder {folder} (set RIPEUR_SHARED)")
    return folder
