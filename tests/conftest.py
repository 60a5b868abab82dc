"""Where the tests find real data, and what they do where a service is absent."""

import os
from pathlib import Path

import pytest

from .towns import boeblingen, heidelberg, monaco

__all__ = ["boeblingen", "heidelberg", "monaco"]  # fixtures: real towns, each read once per session

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and benchmark instances, beside the repository or at RIPEUR_SHARED."""
    folder = Path(os.environ.get("RIPEUR_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"real data: no folder {folder} (set RIPEUR_SHARED)")
    return folder
