"""What the checker finds: faults as values, worded last in the reader's language (French, English); and the report.

A fault says where (tour, leg, task, or the place in the document), which field, its value and the bound it breaks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

#: Sentence by key. A key is the reason code, followed by ".variant" where a code has several sentences.
TEXTS: dict[str, dict[str, str]] = {
    "MALFORMED.unreadable": {"fr": "illisible ({detail})", "en": "cannot be read ({detail})"},
    "MALFORMED.missing": {"fr": "{field} manque", "en": "{field} is missing"},
    "MALFORMED.unknown_field": {"fr": "{field} : champ inconnu", "en": "{field}: unknown field"},
    "MALFORMED.type": {
        "fr": "{field} = {value}, doit être de type JSON {bound}",
        "en": "{field} = {value}, must be of JSON type {bound}",
    },
    "MALFORMED.one_of": {
        "fr": "{field} = {value}, doit être l'un de {bound}",
        "en": "{field} = {value}, must be one of {bound}",
    },
    "MALFORMED.pattern": {
        "fr": "{field} = {value}, doit s'écrire {bound}",
        "en": "{field} = {value}, must be written {bound}",
    },
    "MALFORMED.instant": {
        "fr": "{field} = {value}, doit être un instant écrit {bound}",
        "en": "{field} = {value}, must be an instant written {bound}",
    },
    "MALFORMED.date": {
        "fr": "{field} = {value}, doit être une date écrite {bound}",
        "en": "{field} = {value}, must be a date written {bound}",
    },
    "MALFORMED.timezone": {
        "fr": "{field} = {value}, doit être un fuseau horaire de {bound}",
        "en": "{field} = {value}, must be a time zone of {bound}",
    },
    "MALFORMED.above": {
        "fr": "{field} = {value}, doit être supérieur à {bound}",
        "en": "{field} = {value}, must be above {bound}",
    },
    "MALFORMED.at_least": {
        "fr": "{field} = {value}, doit être {bound} ou plus",
        "en": "{field} = {value}, must be {bound} or more",
    },
    "MALFORMED.too_few": {
        "fr": "{field} = {value}, doit avoir au moins {bound} éléments",
        "en": "{field} = {value}, must hold at least {bound}",
    },
    "MALFORMED.too_many": {
        "fr": "{field} = {value}, doit avoir au plus {bound} éléments",
        "en": "{field} = {value}, must hold at most {bound}",
    },
    "MALFORMED.schema": {
        "fr": "{field} = {value}, contraire au schéma : {bound}",
        "en": "{field} = {value}, against the schema: {bound}",
    },
    "MALFORMED.repeated": {
        "fr": "{field} = {value}, {times} fois, doit être unique",
        "en": "{field} = {value}, {times} times, must be there once",
    },
    "MALFORMED.served": {
        "fr": "{field} = {value}, servie pourtant par une tournée",
        "en": "{field} = {value}, which a tour serves",
    },
    "MALFORMED.no_task": {
        "fr": "{field} = {value}, doit être une tâche du plan",
        "en": "{field} = {value}, must be a task of the plan",
    },
    "MALFORMED.no_site": {
        "fr": "{field} = {value}, doit être un site de la zone",
        "en": "{field} = {value}, must be a site of the area",
    },
    "AREA_MISSING": {
        "fr": "{what} manque : le plan ne peut être jugé en entier ({folder})",
        "en": "{what} is missing: the plan cannot be judged whole ({folder})",
    },
    "AREA_MISSING.map": {
        "fr": "{what} manque : le plan ne peut être jugé en entier ({path} : fichier absent)",
        "en": "{what} is missing: the plan cannot be judged whole ({path}: no such file)",
    },
    "AREA_MISSING.map_unreadable": {
        "fr": "{what} manque : le plan ne peut être jugé en entier ({path} : {detail})",
        "en": "{what} is missing: the plan cannot be judged whole ({path}: {detail})",
    },
    "AREA_CHANGED": {
        "fr": "{file} n'est pas le fichier dont le plan est fait",
        "en": "{file} is not the file that the plan was made from",
    },
    "AREA_CHANGED.gone": {"fr": "{file} n'existe plus dans la zone", "en": "{file} is no longer in the area"},
    "AREA_CHANGED.unnamed": {
        "fr": "le plan ne donne pas l'empreinte de {file}",
        "en": "the plan gives no digest of {file}",
    },
    "AREA_CHANGED.timezone": {
        "fr": "fuseau horaire du plan : {own}, de la zone : {due}",
        "en": "the plan's time zone is {own}, the area's {due}",
    },
    "NO_TOURS": {
        "fr": "{tasks} tâches et aucune tournée",
        "en": "{tasks} tasks and no tour",
    },
    "NO_TOURS.due": {
        "fr": "aucune tournée, alors que le calendrier promet {due} collecte(s) le {date}",
        "en": "no tour, though the calendar promises {due} collection(s) on {date}",
    },
    "UNSERVED": {
        "fr": "ni servie, ni déclarée non servie ({kg:.0f} kg)",
        "en": "neither served nor listed as unserved ({kg:.0f} kg)",
    },
    "UNSERVED.not_there": {
        "fr": "l'étape dit la servir mais ne passe pas par elle",
        "en": "the leg claims to serve it but does not go along it",
    },
    "UNSERVED.can_be": {
        "fr": "déclarée {reason}, mais le poste {shift} (camion {truck}) peut la servir",
        "en": "listed as {reason}, but shift {shift} (truck {truck}) can serve it",
    },
    "SERVED_TWICE": {
        "fr": "servie {times} fois (tournées {tours})",
        "en": "served {times} times (tours {tours})",
    },
    "LOAD_MISMATCH": {
        "fr": "{flux} : {own:.1f} kg chargés, {due:.1f} kg à collecter",
        "en": "{flux}: {own:.1f} kg loaded, {due:.1f} kg to collect",
    },
    "OVER_PAYLOAD": {
        "fr": "{own:.0f} kg à bord, charge utile {limit:.0f} kg",
        "en": "{own:.0f} kg on board, payload {limit:.0f} kg",
    },
    "OVER_VOLUME": {
        "fr": "{own:.2f} m³ de {flux} dans un compartiment de {limit:.2f} m³",
        "en": "{own:.2f} m³ of {flux} in a compartment of {limit:.2f} m³",
    },
    "OVER_DENSITY": {
        "fr": "{flux} tassés à {own:.0f} kg/m³, au plus {limit:.0f} : les sacs se déchirent",
        "en": "{flux} crushed to {own:.0f} kg/m³, at most {limit:.0f}: bags tear",
    },
    "WRONG_FLUX": {
        "fr": "le camion {truck} n'a pas de compartiment pour {flux}",
        "en": "truck {truck} has no compartment for {flux}",
    },
    "WRONG_FLUX.site": {"fr": "le site {site} n'accepte pas {flux}", "en": "site {site} does not accept {flux}"},
    "NOT_EMPTIED": {
        "fr": "{own:.0f} kg encore à bord au retour au dépôt",
        "en": "{own:.0f} kg still on board back at the depot",
    },
    "OVER_SHIFT": {
        "fr": "service de {own}, au plus {limit}",
        "en": "on duty for {own}, at most {limit}",
    },
    "OVER_SHIFT.early": {
        "fr": "prise de service {own} avant le début du poste",
        "en": "service starts {own} before the shift does",
    },
    "OVER_SHIFT.late": {
        "fr": "prise de service {own} après le début du poste",
        "en": "service starts {own} after the shift does",
    },
    "OVER_SHIFT.end": {
        "fr": "fin de service {own} après la fin du poste, heures supplémentaires comprises",
        "en": "service ends {own} after the shift does, overtime included",
    },
    "OVER_SHIFT.driver": {
        "fr": "{driver} travaille {own} (tournées {tours}), au plus {limit} par jour ({regime})",
        "en": "{driver} works {own} (tours {tours}), at most {limit} a day ({regime})",
    },
    "OVER_SHIFT.work": {
        "fr": "{own} de travail, au plus {limit} ({regime})",
        "en": "{own} of work, at most {limit} ({regime})",
    },
    "OVER_SHIFT.driving": {
        "fr": "{own} de conduite, au plus {limit} ({regime})",
        "en": "{own} of driving, at most {limit} ({regime})",
    },
    "BREAK_MISSING": {
        "fr": "{own} de pause pour {basis}, {due} dues ({regime})",
        "en": "{own} of break for {basis}, {due} due ({regime})",
    },
    "BREAK_MISSING.late": {
        "fr": "{own} sans pause, au plus {limit} ({regime})",
        "en": "{own} without a break, at most {limit} ({regime})",
    },
    "WINDOW_MISSED": {
        "fr": "servie de {start:%H:%M} à {end:%H:%M}, permise {windows}",
        "en": "served {start:%H:%M} to {end:%H:%M}, allowed {windows}",
    },
    "SITE_CLOSED": {
        "fr": "{site} est fermé de {start:%a %H:%M} à {end:%a %H:%M}",
        "en": "{site} is closed from {start:%a %H:%M} to {end:%a %H:%M}",
    },
    "NO_SUCH_STREET": {
        "fr": "aucune rue carrossable ne joint les nœuds {a} et {b}",
        "en": "no drivable street joins nodes {a} and {b}",
    },
    "NO_SUCH_STREET.node": {
        "fr": "le nœud {node} n'est sur aucune rue de l'extrait",
        "en": "node {node} is on no street of the extract",
    },
    "NO_SUCH_STREET.way": {"fr": "la voie {way} n'est pas dans l'extrait", "en": "way {way} is not in the extract"},
    "NO_SUCH_STREET.untold": {
        "fr": "une tâche de rue doit dire sa voie (osm_way)",
        "en": "a street task must say its way (osm_way)",
    },
    "NO_SUCH_STREET.off_way": {
        "fr": "les nœuds {a} et {b} ne se suivent pas sur la voie {way}",
        "en": "nodes {a} and {b} do not follow each other on way {way}",
    },
    "AGAINST_ONE_WAY": {
        "fr": "{where} prise à contresens, de {a} à {b}",
        "en": "{where} driven against its one-way, from {a} to {b}",
    },
    "FORBIDDEN_TURN": {
        "fr": "{kind} (relation {id}) au nœud {node}",
        "en": "{kind} (relation {id}) at node {node}",
    },
    "TOO_HEAVY": {
        "fr": "{where} : {tag}, le camion pèse {own:.0f} kg",
        "en": "{where}: {tag}, the truck weighs {own:.0f} kg",
    },
    "TOO_HIGH": {
        "fr": "{where} : {tag}, le camion est haut de {own:.2f} m",
        "en": "{where}: {tag}, the truck is {own:.2f} m high",
    },
    "TOO_WIDE": {
        "fr": "{where} : {tag}, le camion est large de {own:.2f} m",
        "en": "{where}: {tag}, the truck is {own:.2f} m wide",
    },
    "TOO_LONG": {
        "fr": "{where} : {tag}, le camion est long de {own:.2f} m",
        "en": "{where}: {tag}, the truck is {own:.2f} m long",
    },
    "NO_ACCESS": {"fr": "{where} : {tag}", "en": "{where}: {tag}"},
    "WRONG_SIDE": {
        "fr": "collectée côté {own}, la tâche est côté {due}",
        "en": "collected on side {own}, the task is side {due}",
    },
    "WRONG_SIDE.against": {
        "fr": "parcourue de {a} à {b}, contre le sens de la tâche",
        "en": "driven from {a} to {b}, against the task's direction",
    },
    "WRONG_SIDE.crossing": {
        "fr": "les deux côtés en un passage : la règle [streets] ne le permet pas sur la voie {way}",
        "en": "both sides in one pass: the [streets] rules do not allow it on way {way}",
    },
    "WRONG_SIDE.oncoming": {
        "fr": "côté {own} d'une rue à double sens : en face de la circulation (voie {way})",
        "en": "side {own} of a two-way street: across oncoming traffic (way {way})",
    },
    "FOOT_TOO_FAR": {
        "fr": "{own:.0f} m à pied à l'aller, au plus {limit:.0f} m",
        "en": "{own:.0f} m on foot one way, at most {limit:.0f} m",
    },
    "NO_DRIVER": {"fr": "personne ne conduit", "en": "nobody drives"},
    "NO_DRIVER.off_duty": {
        "fr": "le poste {shift} ne travaille pas le {date}",
        "en": "shift {shift} does not work on {date}",
    },
    "NO_DRIVER.other": {
        "fr": "conducteur {own}, le poste {shift} a {due}",
        "en": "driver {own}, shift {shift} has {due}",
    },
    "NO_DRIVER.elsewhere": {
        "fr": "le conducteur {driver} est en même temps sur la tournée {other}",
        "en": "driver {driver} is on tour {other} at the same time",
    },
    "SKILL_MISSING": {
        "fr": "le poste {shift} n'a pas la compétence {skill}",
        "en": "shift {shift} lacks the skill {skill}",
    },
    "SKILL_MISSING.crane": {"fr": "le camion {truck} n'a pas de grue", "en": "truck {truck} has no crane"},
    "SKILL_MISSING.licence": {
        "fr": "permis {licence} pour un camion de {own:.0f} kg",
        "en": "licence {licence} for a truck of {own:.0f} kg",
    },
    "SKILL_MISSING.loaders": {
        "fr": "{own} ripeurs, le poste {shift} en a {limit}",
        "en": "{own} loaders, shift {shift} has {limit}",
    },
    "TRUCK_UNKNOWN": {"fr": "camion {truck} inconnu de la zone", "en": "truck {truck} is not the area's"},
    "SHIFT_UNKNOWN": {"fr": "poste {shift} inconnu de la zone", "en": "shift {shift} is not the area's"},
    "SHIFT_UNKNOWN.differs": {
        "fr": "{what} {own}, le poste {shift} a {due}",
        "en": "{what} {own}, shift {shift} has {due}",
    },
    "TRUCK_TWICE": {
        "fr": "le camion {truck} roule en même temps pour la tournée {other}",
        "en": "truck {truck} is out on tour {other} at the same time",
    },
    "TRUCK_TWICE.shift": {
        "fr": "le poste {shift} fait déjà la tournée {other}",
        "en": "shift {shift} already does tour {other}",
    },
    "NOT_CONTINUOUS": {
        "fr": "part du nœud {own}, le camion est au nœud {due}",
        "en": "starts at node {own}, the truck stands at node {due}",
    },
    "NOT_CONTINUOUS.depot": {
        "fr": "la tournée ne commence pas et ne finit pas par une étape de dépôt",
        "en": "the tour does not begin and end with a depot leg",
    },
    "NOT_CONTINUOUS.inner": {
        "fr": "étape de dépôt au milieu de la tournée, au nœud {node}, hors du dépôt",
        "en": "a depot leg inside the tour, at node {node}, which is not the depot",
    },
    "NOT_CONTINUOUS.moved": {
        "fr": "une étape {kind} ne roule pas : elle va du nœud {a} au nœud {b}",
        "en": "a {kind} leg does not move: it goes from node {a} to node {b}",
    },
    "NOT_CONTINUOUS.home": {
        "fr": "part du nœud {own} et rentre au nœud {due}",
        "en": "starts from node {own} and comes home to node {due}",
    },
    "NOT_CONTINUOUS.place": {
        "fr": "au nœud {node}, à {own:.0f} m de {place}",
        "en": "at node {node}, {own:.0f} m from {place}",
    },
    "NOT_CONTINUOUS.foot": {
        "fr": "à pied, il faut revenir par le même chemin au camion",
        "en": "on foot, the way must lead back to the truck as it came",
    },
    "NOT_CONTINUOUS.length": {
        "fr": "{own:.1f} m déclarés, {due:.1f} m le long des nœuds",
        "en": "{own:.1f} m declared, {due:.1f} m along the nodes",
    },
    "NOT_CONTINUOUS.load": {
        "fr": "{flux} : {own:.1f} kg à bord déclarés, {due:.1f} kg d'après les étapes",
        "en": "{flux}: {own:.1f} kg on board declared, {due:.1f} kg by the legs",
    },
    "FIGURES_WRONG": {
        "fr": "{what} : {own} d'après le plan, {due} d'après ses étapes",
        "en": "{what}: {own} by the plan, {due} by its legs",
    },
    "FIGURES_WRONG.tour": {
        "fr": "chiffres d'une tournée {named}, que le plan n'a pas",
        "en": "figures of a tour {named} that the plan does not have",
    },
    "TIME_MISMATCH": {
        "fr": "{kind} en {own:.0f} s, il en faut au moins {due:.0f}",
        "en": "{kind} takes {own:.0f} s, at least {due:.0f} s are needed",
    },
    "TIME_MISMATCH.backwards": {
        "fr": "finit {own:.0f} s avant de commencer",
        "en": "ends {own:.0f} s before it starts",
    },
    "TIME_MISMATCH.overlap": {
        "fr": "commence {own:.0f} s avant la fin de l'étape précédente",
        "en": "starts {own:.0f} s before the leg before it ends",
    },
    "REVERSING_FORBIDDEN": {
        "fr": "demi-tour au nœud {node} : ni place pour tourner, ni fond d'impasse",
        "en": "U-turn at node {node}: neither a turning place nor the end of a dead end",
    },
    "REVERSING_FORBIDDEN.rule": {
        "fr": "marche arrière, que la zone interdit",
        "en": "reversing, which the area forbids",
    },
    "REVERSING_FORBIDDEN.undeclared": {
        "fr": "marche arrière au nœud {node}, non comptée dans l'étape",
        "en": "reversing at node {node}, not counted in the leg",
    },
    "REVERSING_FORBIDDEN.collecting": {
        "fr": "collectée en marche arrière, en ressortant de l'impasse du nœud {node}",
        "en": "collected in reverse, on the way out of the dead end at node {node}",
    },
    "REVERSING_FORBIDDEN.short": {
        "fr": "{own:.0f} m de marche arrière déclarés, il en faut {due:.0f}",
        "en": "{own:.0f} m of reversing declared, {due:.0f} m are needed",
    },
    "REVERSING_FORBIDDEN.far": {
        "fr": "{own:.0f} m en marche arrière, au plus {limit:.0f} m",
        "en": "{own:.0f} m in reverse, at most {limit:.0f} m",
    },
}

#: Around the sentences of what is no plan at all: where in the document it stands.
_IN_DOCUMENT = {"fr": "plan mal formé, {place} : {reason}", "en": "malformed plan, {place}: {reason}"}
_LINE = {
    "tour": {"fr": "tournée {value}", "en": "tour {value}"},
    "leg": {"fr": "étape {value}", "en": "leg {value}"},
    "task": {"fr": "tâche {value}", "en": "task {value}"},
    "ok": {"fr": "Plan vérifié : aucun défaut.", "en": "Plan checked: no fault."},
    "fault": {"fr": "Plan vérifié : 1 défaut : {counts}", "en": "Plan checked: 1 fault: {counts}"},
    "faults": {"fr": "Plan vérifié : {number} défauts : {counts}", "en": "Plan checked: {number} faults: {counts}"},
    "driven": {
        "fr": "{km:.1f} km en camion, {foot_km:.2f} km à pied, {reversals} marche(s) arrière",
        "en": "{km:.1f} km by truck, {foot_km:.2f} km on foot, {reversals} reversal(s)",
    },
    "shares": {
        "fr": "servi : {kg:.1%} du tonnage et {m:.1%} de la longueur des tâches",
        "en": "served: {kg:.1%} of the tasks' weight and {m:.1%} of their length",
    },
}


_WEEKDAYS = {
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_OSM_ELEMENTS = {"fr": {"way": "voie", "node": "nœud"}, "en": {"way": "way", "node": "node"}}
#: As much of a document's value as a sentence shows.
_SHOWN = 60


class Duration(float):
    """Seconds, shown as hours and minutes."""

    def __format__(self, spec: str) -> str:
        minutes = round(abs(self) / 60)
        return f"{minutes // 60} h {minutes % 60:02}" if minutes >= 60 else f"{minutes} min"


class OsmElement(NamedTuple):
    """A way or a node of the map."""

    kind: str
    id: int


class JsonValue(NamedTuple):
    """A value as the document has it, shown as JSON."""

    value: object

    def __format__(self, spec: str) -> str:
        value, nested = self.value, self.value
        if isinstance(value, Mapping):
            nested = list(value.values())
        if isinstance(nested, list | tuple) and (
            len(nested) > 4 or any(isinstance(one, list | dict) for one in nested)
        ):
            return "{…}" if isinstance(value, Mapping) else "[…]"  # a plan has megabytes
        text = json.dumps(value, ensure_ascii=False, default=str)
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


class _Comma(float):
    """A number that French writes with a comma, and apart from its percent sign."""

    def __format__(self, spec: str) -> str:
        return float(self).__format__(spec).replace(".", ",").replace("%", "\u202f%")


class _LocalTime(NamedTuple):
    """An instant on the clock that it carries, its weekday named in the reader's language."""

    at: datetime
    lang: str

    def __format__(self, spec: str) -> str:
        return self.at.strftime(spec.replace("%a", _WEEKDAYS[self.lang][self.at.weekday()]))


def _worded(value: object, lang: str) -> object:
    """A value as the sentences of that language show it."""
    if isinstance(value, datetime):
        return _LocalTime(value, lang)
    if isinstance(value, OsmElement):
        return f"{_OSM_ELEMENTS[lang][value.kind]} {value.id}"
    if isinstance(value, float) and not isinstance(value, Duration) and lang == "fr":
        return _Comma(value)
    return value


def _filled(sentence: str, lang: str, values: Mapping[str, object]) -> str:
    return sentence.format(**{name: _worded(value, lang) for name, value in values.items()})


@dataclass(frozen=True, slots=True)
class Fault:
    """``key``: of ``TEXTS``; ``leg``: index into the tour's legs, from 0; ``values``: what the sentence is filled with.

    Of what is no plan (``MALFORMED``): ``place``, its JSON path; the ``field`` there, its ``value`` and the ``bound``
    that it breaks.
    """

    key: str
    tour: str | None = None
    leg: int | None = None
    task: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The reason code: what a key and its variants have in common."""
        return self.key.partition(".")[0]

    @property
    def place(self) -> str | None:
        place = self.values.get("place")
        return None if place is None else str(place)

    def reason(self, lang: str) -> str:
        """What is wrong in ``lang`` ("fr" or "en"), without the place in the document."""
        return _filled(TEXTS[self.key][lang], lang, self.values)

    def sentence(self, lang: str) -> str:
        """What is wrong, and where in the document where it is one, in ``lang`` ("fr" or "en")."""
        reason = self.reason(lang)
        return reason if self.place is None else _IN_DOCUMENT[lang].format(place=self.place, reason=reason)


def fault(
    key: str, tour: str | None = None, leg: int | None = None, task: str | None = None, /, **values: object
) -> Fault:
    return Fault(key, tour, leg, task, values)


def malformed(
    rule: str, place: str, field: str, value: object, bound: object, /, *, tour: str | None = None,
    leg: int | None = None, task: str | None = None, **more: object,
) -> Fault:  # fmt: skip
    """A fault of the document. ``rule``: the key behind ``MALFORMED.``; ``place``: a JSON path."""
    values = {"place": place, "field": field, "value": JsonValue(value), "bound": bound, **more}
    return Fault(f"MALFORMED.{rule}", tour, leg, task, values)


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict, and the figures that the checker worked out itself (not the plan's own).

    ``length_m``: driven by trucks; ``foot_m``: walked, both ways; ``reversals``: U-turns where there is no room to
    turn. ``served_share``: kg of the tasks served over kg of all tasks of the plan; ``length_share``: the same for
    the length of the street tasks. A share is 1 where there is nothing to serve. ``measured``: whether there was a
    plan and a map to work them out from; else they say nothing.
    """

    faults: tuple[Fault, ...]
    length_m: float = 0.0
    foot_m: float = 0.0
    reversals: int = 0
    served_share: float = 1.0
    length_share: float = 1.0
    measured: bool = False

    @property
    def ok(self) -> bool:
        return not self.faults

    @property
    def codes(self) -> Counter[str]:
        return Counter(f.code for f in self.faults)


def report_lines(report: Report, lang: str) -> list[str]:
    """The report as plain lines, in ``lang`` ("fr" or "en"): the verdict, the figures, then fault by fault."""

    def line(key: str, **values: object) -> str:
        return _filled(_LINE[key][lang], lang, values)

    if report.ok:
        lines = [line("ok")]
    else:
        counts = ", ".join(f"{code} {times}" for code, times in report.codes.most_common())
        lines = [line("fault" if len(report.faults) == 1 else "faults", number=len(report.faults), counts=counts)]
    if report.measured:
        km, foot_km = report.length_m / 1000, report.foot_m / 1000
        lines.append(line("driven", km=km, foot_km=foot_km, reversals=report.reversals))
        lines.append(line("shares", kg=report.served_share, m=report.length_share))
    for f in report.faults:
        where = [
            line(key, value=value)
            for key, value in (("tour", f.tour), ("leg", f.leg), ("task", f.task))
            if value is not None
        ]
        lines.append(f"{f.code:20} {', '.join(where)}{': ' if where else ''}{f.sentence(lang)}")
    return lines
