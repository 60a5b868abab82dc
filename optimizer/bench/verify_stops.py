"""Judges solutions of stop formats (wcvrptw, mcvrp) against the instance's own file."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

Line = tuple[int, list[str]]
FEET_PER_MILE = 5280
LUNCH_OPENS_S, LUNCH_CLOSES_S = 11 * 3600, 12 * 3600
_EPS = 1e-6
DEPOT, STOP, DISPOSAL = 0, 1, 2


@dataclass(frozen=True)
class _Place:
    x_ft: float
    y_ft: float
    opens_s: int
    closes_s: int
    serve_s: float
    yards: float
    type: int


def waste_windows(text: str, lines: list[Line]) -> float:
    """Kim's format: the miles of the ``lines`` (number, tokens). ValueError: what is wrong, and in which line.

    A vehicle leaves the depot when that opens, waits where it is early, begins each service inside the window, takes
    one lunch that begins between 11:00 and 12:00, and is back, empty, before the depot closes.
    """
    rows = [row.split() for row in text.splitlines() if row.strip()]
    capacity, per_day, stops_per_day, lunch_s, mph = (float(row[0]) for row in rows[:5])
    places = {row[0]: _place(row) for row in rows[6:]}
    if len(places) < len(rows) - 6:
        raise ValueError("the instance uses an id twice")
    depot = next(name for name, place in places.items() if place.type == DEPOT)
    left = {name for name, place in places.items() if place.type == STOP}
    total = 0.0
    for number, tokens in lines:
        at, now, load, yards, stops, rested = depot, float(places[depot].opens_s), 0.0, 0.0, 0, False
        for i, token in enumerate([*tokens, depot]):
            if token == "L":
                begin = max(now, LUNCH_OPENS_S)
                if rested or begin > LUNCH_CLOSES_S + _EPS:
                    fault = "a second lunch" if rested else f"lunch at {_clock(begin)}, must be by 12:00"
                    raise ValueError(f"line {number}: {fault}")
                now, rested = begin + lunch_s, True
                continue
            disposal = token.startswith("U") and i < len(tokens)
            name = token[1:] if disposal else token
            place = places.get(name)
            if place is None or (place.type != STOP and not disposal and (name != depot or i < len(tokens))):
                raise ValueError(f"line {number}: {token}: no such stop")
            if disposal and place.type != DISPOSAL:
                raise ValueError(f"line {number}: {token}: no disposal site")
            miles = (abs(place.x_ft - places[at].x_ft) + abs(place.y_ft - places[at].y_ft)) / FEET_PER_MILE
            total += miles
            now, at = max(now + miles * 3600 / mph, place.opens_s), name
            if now > place.closes_s + _EPS:
                raise ValueError(f"line {number}: {token} at {_clock(now)}, must be by {_clock(place.closes_s)}")
            if name == depot:
                break
            now += place.serve_s
            if disposal:
                load = 0.0
                continue
            if name not in left:
                raise ValueError(f"line {number}: {token}: served before")
            left.remove(name)
            load, yards, stops = load + place.yards, yards + place.yards, stops + 1
            for bound, value, most in (
                ("load", load, capacity), ("yards of the day", yards, per_day), ("stops", stops, stops_per_day)
            ):  # fmt: skip
                if value > most + _EPS:
                    raise ValueError(f"line {number}: {token}: {bound} = {value:g}, must be at most {most:g}")
        if load > _EPS:
            raise ValueError(f"line {number}: comes home with {load:g}, must be empty")
        if not rested and lunch_s > 0:
            raise ValueError(f"line {number}: no lunch")
    _all_served(left)
    return total


def _place(row: list[str]) -> _Place:
    early, late = (int(word) // 100 * 3600 + int(word) % 100 * 60 for word in row[3:5])
    return _Place(
        x_ft=float(row[1]),
        y_ft=float(row[2]),
        opens_s=early,
        closes_s=late,
        serve_s=float(row[5]),
        yards=float(row[6]),
        type=int(row[7]),
    )


def _clock(time_s: float) -> str:
    return f"{int(time_s) // 3600:02d}:{int(time_s) // 60 % 60:02d}:{time_s % 60:04.1f}"


def _all_served(left: set[str]) -> None:
    if left:
        raise ValueError(f"{len(left)} stops not served: {', '.join(sorted(left)[:5])}{' …' if len(left) > 5 else ''}")


def compartments(text: str, lines: list[Line]) -> float:
    """Abdulkader's format: the Euclidean length of the ``lines``. ValueError: what is wrong, and in which line."""
    head, *rows = [row.split() for row in text.splitlines() if row.strip()]
    most = (float(head[3]), float(head[4]))
    longest, serve = float(head[6]), float(head[7])
    at_depot = (float(head[1]), float(head[2]))
    customers = {row[0]: [float(word) for word in row[1:5]] for row in rows}
    left = set(customers)
    total = 0.0
    for number, tokens in lines:
        (x, y), load, length = at_depot, [0.0, 0.0], 0.0
        for token in tokens:
            if token not in customers:
                raise ValueError(f"line {number}: {token}: no such customer")
            if token not in left:
                raise ValueError(f"line {number}: {token}: served before")
            left.remove(token)
            to_x, to_y, first, second = customers[token]
            length += hypot(to_x - x, to_y - y)
            x, y, load = to_x, to_y, [load[0] + first, load[1] + second]
            for i in (0, 1):
                if load[i] > most[i] + _EPS:
                    raise ValueError(f"line {number}: {token}: load {i + 1} = {load[i]:g}, must be at most {most[i]:g}")
        length += hypot(at_depot[0] - x, at_depot[1] - y)
        if length + serve * len(tokens) > longest + _EPS:
            raise ValueError(f"line {number}: time = {length + serve * len(tokens):g}, must be at most {longest:g}")
        total += length
    _all_served(left)
    return total
