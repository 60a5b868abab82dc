"""What ``ripeur publish`` sends: a plan's folder, judged where its area is at hand, with the places of its nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from depot_api.plans.nameless import without_names
from fleet import Plan
from onboard.outbox import DepotClient, DepotError

#: A town's day is some megabytes, which the depot reads and writes before it answers.
TIMEOUT_S = 120.0


def publication(folder: Path, area: Path | None, why: str) -> dict[str, Any]:
    """The body of ``POST /plans``, without anybody's name.

    Raises ``ValueError`` or ``OSError`` where the folder holds no plan.
    """
    document = _plan_json(folder)
    try:
        plan = Plan.from_json(document)
        nodes = _nodes(folder, plan, _area_at_hand(folder, area))
        nameless = without_names(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / 'plan.json'}: no plan ({error!r}); `ripeur check` says what is wrong") from None
    return {"plan": nameless, "nodes": nodes, "why": why}


def _plan_json(folder: Path) -> Any:
    try:
        return json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{folder / 'plan.json'}: no JSON ({error})") from None


def _area_at_hand(folder: Path, area: Path | None) -> Path | None:
    """The area's folder: the one given, else the one that the plan names, where it is there; else None."""
    if area is not None:
        return area
    from optimizer.area import area_of_plan, holds_area

    named = area_of_plan(folder / "plan.json")
    return named if named is not None and holds_area(named) else None


def faults_of(folder: Path, area: Path | None) -> list[str] | None:
    """What the checker says of the plan, empty where it is good; None where its area is not at hand."""
    from optimizer.area import read_area
    from optimizer.check import check_file, report_lines

    where = _area_at_hand(folder, area)
    if where is None:
        return None
    found = read_area(where)
    report = check_file(folder / "plan.json", found, where)
    return [] if report.ok else list(report_lines(report, found.language))


def _nodes(folder: Path, plan: Plan, area: Path | None) -> dict[str, list[float]]:
    """[lon, lat] of every node the plan speaks of: off the area's map, else off the tours drawn beside the plan."""
    if area is not None:
        from optimizer.area import read_area
        from optimizer.planning import plan_nodes
        from optimizer.streets import read_extract

        lonlat = read_extract(read_area(area).extract).lonlat
        return {str(n): [lonlat[n][0], lonlat[n][1]] for n in sorted(plan_nodes(plan)) if n in lonlat}
    drawn = folder / "tours.geojson"
    if not drawn.is_file():
        raise FileNotFoundError(f"{drawn}: no such file; without it the plan's area is needed: --area DIR")
    nodes: dict[str, list[float]] = {}
    tours = {tour.id: tour for tour in plan.tours}
    for feature in json.loads(drawn.read_text(encoding="utf-8"))["features"]:
        of, line = feature["properties"], feature["geometry"]["coordinates"]
        line = [line] if feature["geometry"]["type"] == "Point" else line
        leg = tours[of["tour"]].legs[of["leg"]]
        if len(leg.osm_nodes) != len(line):
            raise ValueError(f"{drawn}: tour {of['tour']} is not drawn as the plan has it; give the area: --area DIR")
        nodes |= {str(n): list(at) for n, at in zip(leg.osm_nodes, line, strict=True)}
    return nodes


def send(body: dict[str, Any], url: str, token: str) -> dict[str, Any]:
    """Hand it to the depot; its answer. Raises ``OSError`` or ``ValueError`` with what to do."""
    depot = DepotClient(url, token, TIMEOUT_S)
    try:
        answer = depot.post("/plans", body).json()
    except DepotError as error:
        if error.not_allowed:
            raise PermissionError(
                f"{error} (RIPEUR_TOKEN must hold a planner's: `ripeur token planner NAME`)"
            ) from None
        raise
    finally:
        depot.close()
    if not isinstance(answer, dict) or not {"date", "version"} <= answer.keys():
        raise DepotError(f"depot: the answer names no version: {str(answer)[:100]}")
    return answer
