"""What changed for a tour between two versions of a day's plan, and why: told to the crew with the tour."""

from __future__ import annotations

from typing import Any

from fleet import Plan, Task, Tour, utc_text


def tour_changes(before: Plan | None, after: Plan, tour: Tour) -> list[dict[str, Any]]:
    """Each change as ``{"what", …}``, empty where nothing changed or there was no version before.

    ``what``: ``tour_added``; ``truck``, ``start_at``, ``end_at``, ``sites`` (``from``, ``to``); ``task_added``,
    ``task_removed`` (``task``, ``name``, and where it came from or went to: ``tour``, or ``why`` it is nobody's now);
    ``order``; ``route`` where only the way is another.
    """
    if before is None:
        return []
    old = next((one for one in before.tours if one.id == tour.id), None)
    if old is None:
        return [{"what": "tour_added"}]
    changes: list[dict[str, Any]] = []
    for what, was, now in (
        ("truck", old.truck, tour.truck),
        ("start_at", utc_text(old.start_at), utc_text(tour.start_at)),
        ("end_at", utc_text(old.end_at), utc_text(tour.end_at)),
        ("sites", _sites(old), _sites(tour)),
    ):
        if was != now:
            changes.append({"what": what, "from": was, "to": now})
    changes += _tasks_changed(before, after, old, tour)
    if not changes and [leg.osm_nodes for leg in old.legs] != [leg.osm_nodes for leg in tour.legs]:
        changes.append({"what": "route"})
    return changes


def _tasks_changed(before: Plan, after: Plan, old: Tour, tour: Tour) -> list[dict[str, Any]]:
    was, now = _tasks(old), _tasks(tour)
    changes = []
    for id in [id for id in now if id not in was]:
        origin = _elsewhere(before, id, "unserved before", "new in the plan")
        changes.append(_named("task_added", after.tasks_by_id.get(id), id) | origin)
    for id in [id for id in was if id not in now]:
        fate = _elsewhere(after, id, "unserved", "no longer in the plan")
        changes.append(_named("task_removed", before.tasks_by_id.get(id), id) | fate)
    if [id for id in was if id in now] != [id for id in now if id in was]:
        changes.append({"what": "order"})
    return changes


def _named(what: str, task: Task | None, id: str) -> dict[str, Any]:
    return {"what": what, "task": id, "name": task.name if task else ""}


def _elsewhere(plan: Plan, id: str, unserved: str, absent: str) -> dict[str, Any]:
    """Where another version has a task: left with its reason, on a tour, or not at all."""
    reason = {left.task: left.reason for left in plan.unserved}.get(id)
    if reason is not None:
        return {"why": f"{unserved}: {reason}"}
    served = (tour.id for tour in plan.tours if any(leg.task == id for leg in tour.legs))
    return next(({"tour": tour} for tour in served), {"why": absent})


def _tasks(tour: Tour) -> list[str]:
    return list(dict.fromkeys(leg.task for leg in tour.legs if leg.task is not None))


def _sites(tour: Tour) -> list[str]:
    return [leg.site for leg in tour.legs if leg.kind == "unload" and leg.site is not None]
