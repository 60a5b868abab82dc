"""Which country an extract is of, as far as the map says, and what follows: time zone, holidays, side of the road."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from optimizer.area import Note
from optimizer.streets import Extract, normalized_street_name


@dataclass(frozen=True, slots=True)
class Country:
    """``holidays``: as the ``holidays`` package names it. ``reason``: how it was found, for the planner."""

    holidays: str
    timezone: str
    traffic_side: str
    reason: Note


_ZONES = {
    "FR": "Europe/Paris", "MC": "Europe/Monaco", "DE": "Europe/Berlin", "BE": "Europe/Brussels", "CH": "Europe/Zurich",
    "LU": "Europe/Luxembourg", "NL": "Europe/Amsterdam", "IT": "Europe/Rome", "ES": "Europe/Madrid",
    "AT": "Europe/Vienna", "PT": "Europe/Lisbon", "GB": "Europe/London", "IE": "Europe/Dublin",
    "DK": "Europe/Copenhagen",     "PL": "Europe/Warsaw", "CZ": "Europe/Prague",
}  # fmt: skip
_LEFT = frozenset(("GB", "IE"))
#: First or last part of a street's name -> the country that most such names are of.
_FIRST = {"rue": "FR", "avenue": "FR", "chemin": "FR", "impasse": "FR", "allee": "FR", "boulevard": "FR",
          "via": "IT", "viale": "IT", "piazza": "IT", "calle": "ES", "plaza": "ES", "calzada": "ES", "rua": "PT",
          "ulica": "PL"}  # fmt: skip
_LAST = {"strasse": "DE", "gasse": "DE", "platz": "DE", "weg": "DE", "straat": "NL", "laan": "NL", "street": "GB",
         "road": "GB", "lane": "GB", "vej": "DK", "gade": "DK"}  # fmt: skip
#: Names speak where this share of them agrees.
_SHARE = 0.3


def country_of(extract: Extract) -> Country:
    """By ``addr:country`` where the map has it, else by the language of street names, else France, and says so."""
    tags = [o.tags for o in extract.objects] + [w.tags for w in extract.ways] + list(extract.node_tags.values())
    said = Counter(code for t in tags if (code := t.get("addr:country", "").upper()) in _ZONES)
    if said:
        code, times = max(said.items(), key=lambda item: (item[1], item[0]))
        return _country(code, Note("country_tag", {"code": code, "times": times}))
    names = {normalized_street_name(name) for w in extract.ways if (name := w.tags.get("name"))}
    spoken: Counter[str] = Counter()
    for name in names:
        words = name.split()
        if words:
            first, last = _FIRST.get(words[0]), next((c for end, c in _LAST.items() if words[-1].endswith(end)), None)
            spoken.update(c for c in (first or last,) if c)
    if spoken:
        code, times = max(spoken.items(), key=lambda item: (item[1], item[0]))
        if times >= _SHARE * len(names):
            return _country(code, Note("country_names", {"times": times, "names": len(names), "code": code}))
    return _country("FR", Note("country_assumed"))


def _country(code: str, reason: Note) -> Country:
    return Country(code, _ZONES[code], "left" if code in _LEFT else "right", reason)
