"""The plan's pages on the local network: the map at ``/plan``, its files beside it.

The depot's live pages will stand beside it: ``/`` residents, ``/console`` and ``/desk`` planners, ``/crew`` tablet.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, RedirectResponse

from depot_api.state import set_security_headers

#: What a plan's map may do where a depot shows it, whatever program wrote it: draw itself, as a site of its own that
#: has neither our cookies nor a way to ask anybody anything. The map's own policy also names its scripts by their sums.
PLAN_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: What `ripeur plan` writes, by its ending. Nothing else of the folder is shown: a database may lie in it.
WRITTEN = frozenset({".html", ".json", ".geojson", ".gpx", ".csv", ".pdf"})


def plan_files(folder: Path) -> frozenset[str]:
    """The names of a plan's files in its folder. Raises ``ValueError`` where there is no map."""
    if not (folder / "map.html").is_file():
        raise ValueError(f"{folder}: no map.html, must be a folder that `ripeur plan` wrote")
    return frozenset(path.name for path in folder.iterdir() if path.suffix in WRITTEN and path.is_file())


def plan_file(path: Path) -> FileResponse:
    """A plan's file, as a page on which nothing of another site runs and which reaches nothing of ours."""
    response = FileResponse(path, media_type="text/html" if path.suffix == ".html" else None)
    if path.suffix != ".pdf":  # which a browser's own viewer shows to no page under a policy
        set_security_headers(response, PLAN_POLICY)
    return response


def plan_pages(folder: Path) -> FastAPI:
    """An app that serves one plan's folder, as ``ripeur plan`` wrote it. Raises ``ValueError`` where there is none."""
    names = plan_files(folder)
    app = FastAPI(title="Ripeur", docs_url=None, redoc_url=None)

    @app.get("/plan", include_in_schema=False)
    def plan() -> FileResponse:
        return plan_file(folder / "map.html")

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/plan")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/plan/files/{name}", include_in_schema=False)
    def file(name: str) -> FileResponse:
        if name not in names:
            raise HTTPException(404, "no such file")
        return plan_file(folder / name)

    return app
