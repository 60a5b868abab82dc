"""The plan's pages on the local network: the map at ``/plan``, its files beside it.

The depot's live pages will stand beside it: ``/`` residents, ``/console`` and ``/desk`` planners, ``/crew`` tablet.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles


def plan_pages(folder: Path) -> FastAPI:
    """An app that serves one plan's folder, as ``ripeur plan`` wrote it. Raises ``ValueError`` where there is none."""
    if not (folder / "map.html").is_file():
        raise ValueError(f"{folder}: no map.html, must be a folder that `ripeur plan` wrote")
    app = FastAPI(title="Ripeur", docs_url=None, redoc_url=None)

    @app.get("/plan", include_in_schema=False)
    def plan() -> FileResponse:
        return FileResponse(folder / "map.html", media_type="text/html")

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/plan")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    app.mount("/plan/files", StaticFiles(directory=folder), name="files")
    return app
