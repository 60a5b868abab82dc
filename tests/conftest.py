"""Where the tests find real data, and what they do where a service is absent."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .services import db_url, postgres_cluster, postgres_url
from .towns import boeblingen, heidelberg, monaco

#: Fixtures: real towns, each read once per session; an empty database of each kind.
__all__ = ["boeblingen", "db_url", "heidelberg", "monaco", "postgres_cluster", "postgres_url"]

ROOT = Path(__file__).parent.parent

# a machine that is busy with eight other things finds no fault
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and benchmark instances, beside the repository or at RIPEUR_SHARED."""
    folder = Path(os.environ.get("RIPEUR_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"real data: no folder {folder} (set RIPEUR_SHARED)")
    return folder
