"""What people read, in French and English; and how numbers, weights, lengths and times are written.

``catalogue_text(key, lang, **values)`` is the only way a word reaches a page. Times are 24 h, in the area's time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from fleet import Flux, Place, Site, Tour, Truck

LANGUAGES = ("fr", "en")

TEXTS: dict[str, dict[str, str]] = {
    # --- the page ---
    "tours_of": {"fr": "Tournées du {day}", "en": "Tours of {day}"},
    "tour": {"fr": "Tournée", "en": "Tour"},
    "tours": {"fr": "Tournées", "en": "Tours"},
    "truck": {"fr": "Camion", "en": "Truck"},
    "driver": {"fr": "Conducteur", "en": "Driver"},
    "loaders": {"fr": "Équipiers", "en": "Loaders"},
    "one_loader": {"fr": "1 équipier", "en": "1 loader"},
    "n_loaders": {"fr": "{n} équipiers", "en": "{n} loaders"},
    "trip": {"fr": "vidage", "en": "unloading"},
    "trips": {"fr": "vidages", "en": "unloadings"},
    "show_all": {"fr": "Toutes", "en": "All"},
    "show_none": {"fr": "Aucune", "en": "None"},
    "show_tour": {"fr": "Montrer la tournée {tour}", "en": "Show tour {tour}"},
    "zoom_to": {"fr": "Cadrer", "en": "Zoom to"},
    "stops": {"fr": "Étapes", "en": "Steps"},
    "legend": {"fr": "Légende", "en": "Key"},
    "open_panel": {"fr": "Tournées et légende", "en": "Tours and key"},
    "map": {"fr": "Carte des tournées", "en": "Map of the tours"},
    "skip": {"fr": "Aller à la liste des tournées", "en": "Go to the list of tours"},
    "time_of_day": {"fr": "Heure", "en": "Time"},
    "play": {"fr": "Dérouler la journée", "en": "Play the day"},
    "pause": {"fr": "Pause", "en": "Pause"},
    "whole_day": {"fr": "journée", "en": "whole day"},
    "total": {"fr": "Total", "en": "Total"},
    "key_right": {
        "fr": "Collecte d'un côté (le trait est du côté collecté)",
        "en": "Collected on one side (drawn on that side)",
    },
    "key_both": {"fr": "Collecte des deux côtés", "en": "Both sides collected"},
    "key_drive": {"fr": "Trajet sans collecte", "en": "Driving, no collection"},
    "key_foot": {"fr": "Collecte à pied", "en": "Collected on foot"},
    "key_reversal": {"fr": "Marche arrière ou manœuvre", "en": "Reversing manoeuvre"},
    "key_presentation": {"fr": "Point de présentation", "en": "Presentation point"},
    "key_drop_off": {"fr": "Point d'apport volontaire", "en": "Drop-off point"},
    "key_site": {"fr": "Site de vidage", "en": "Unloading site"},
    "key_depot": {"fr": "Dépôt", "en": "Depot"},
    "key_number": {
        "fr": "Numéro de l'étape, le même que sur la feuille",
        "en": "Number of the step, as on the sheet",
    },
    "key_unserved": {"fr": "Non collecté", "en": "Not collected"},
    "unserved_count": {"fr": "{n} non collectés", "en": "{n} not collected"},
    "none_unserved": {"fr": "Tout est collecté.", "en": "All is collected."},
    "zoom_in": {"fr": "Zoomer", "en": "Zoom in"},
    "zoom_out": {"fr": "Dézoomer", "en": "Zoom out"},
    "close": {"fr": "Fermer", "en": "Close"},
    "dwellings": {"fr": "{n} logements", "en": "{n} dwellings"},
    # --- legs and rows ---
    "no_name": {"fr": "(rue sans nom)", "en": "(street without a name)"},
    "no_name_short": {"fr": "(sans nom)", "en": "(no name)"},
    "side": {"fr": "Côté", "en": "Side"},
    "left": {"fr": "gauche", "en": "left"},
    "right": {"fr": "droite", "en": "right"},
    "both": {"fr": "2 côtés", "en": "both sides"},
    "foot": {"fr": "à pied", "en": "on foot"},
    "drive": {"fr": "Trajet sans collecte", "en": "Driving"},
    "collect": {"fr": "Collecte", "en": "Collection"},
    "unload": {"fr": "Vidage", "en": "Unloading"},
    "unload_trip": {"fr": "Vidage {trip}", "en": "Unloading {trip}"},
    "break": {"fr": "Pause", "en": "Break"},
    "depot": {"fr": "Dépôt", "en": "Depot"},
    "wait": {"fr": "Attente", "en": "Wait"},
    "depot_start": {"fr": "Prise de service", "en": "Start of service"},
    "depot_end": {"fr": "Fin de service", "en": "End of service"},
    "street": {"fr": "Rue", "en": "Street"},
    "presentation_point": {"fr": "Point de présentation", "en": "Presentation point"},
    "drop_off": {"fr": "Point d'apport", "en": "Drop-off point"},
    "pickup": {"fr": "Encombrants", "en": "Bulky pickup"},
    "from_to": {"fr": "{a} » {b}", "en": "{a} » {b}"},
    "from": {"fr": "dès {a}", "en": "from {a}"},
    "to": {"fr": "» {b}", "en": "» {b}"},
    "there_and_back": {"fr": "aller-retour", "en": "there and back"},
    "near": {"fr": "à hauteur de {a}", "en": "by {a}"},
    "straight": {"fr": "tout droit", "en": "straight on"},
    "turn_left": {"fr": "à gauche", "en": "turn left"},
    "turn_right": {"fr": "à droite", "en": "turn right"},
    "turn_back": {"fr": "demi-tour", "en": "U-turn"},
    "via": {"fr": "par", "en": "via"},
    "drive_on": {"fr": "rouler {length}", "en": "drive {length}"},
    "containers": {"fr": "{n} conteneurs", "en": "{n} containers"},
    # --- notes that matter for a truck ---
    "note_reverse": {"fr": "SORTIR EN MARCHE ARRIÈRE {length}", "en": "LEAVE IN REVERSE {length}"},
    "note_three_point": {"fr": "AU BOUT : DEMI-TOUR EN 3 TEMPS", "en": "AT THE END: THREE-POINT TURN"},
    "note_three_point_then": {"fr": "PUIS DEMI-TOUR EN 3 TEMPS", "en": "THEN THREE-POINT TURN"},
    "note_reverse_before": {"fr": "AVANT : MARCHE ARRIÈRE {length}{at}", "en": "BEFORE: REVERSE {length}{at}"},
    "note_three_point_before": {"fr": "AVANT : DEMI-TOUR EN 3 TEMPS{at}", "en": "BEFORE: THREE-POINT TURN{at}"},
    "note_u_turn_before": {"fr": "avant\u00a0: demi-tour{at}", "en": "before: U-turn{at}"},
    "note_foot": {"fr": "à pied {length}", "en": "on foot {length}"},
    "note_dead_end": {"fr": "impasse", "en": "dead end"},
    "note_oneway": {"fr": "sens unique", "en": "one-way"},
    "note_height": {"fr": "HAUTEUR LIMITÉE {height}", "en": "HEIGHT LIMIT {height}"},
    "note_closed": {"fr": "PAS DE {start} À {end}", "en": "NOT {start}–{end}"},
    "note_closed_too": {"fr": "NI DE {start} À {end}", "en": "NOR {start}–{end}"},
    "note_not_until": {"fr": "PAS AVANT {end}", "en": "NOT BEFORE {end}"},
    "note_not_from": {"fr": "PAS APRÈS {start}", "en": "NOT AFTER {start}"},
    "note_presentation": {
        "fr": "bacs à l'entrée de l'impasse, ne pas entrer",
        "en": "bins at the dead end's entrance, do not drive in",
    },
    # --- sheets ---
    "sheet_title": {"fr": "Feuilles de route", "en": "Crew sheets"},
    "sheet_of": {"fr": "Feuille de route", "en": "Crew sheet"},
    "page": {"fr": "page {n} / {total}", "en": "page {n} / {total}"},
    "start_end": {"fr": "Service", "en": "Service"},
    "expected": {"fr": "Attendu", "en": "Expected"},
    "hour": {"fr": "Heure", "en": "Time"},
    "number": {"fr": "N°", "en": "No."},
    "bags": {"fr": "sacs", "en": "bags"},
    "bag_count": {"fr": "{n} sacs", "en": "{n} bags"},
    "without_bag": {"fr": "sans sac", "en": "no bag"},
    "on_board": {"fr": "à bord", "en": "on board"},
    "until": {"fr": "jusqu'à {time}", "en": "until {time}"},
    "minutes": {"fr": "{n} min", "en": "{n} min"},
    "tour_map": {"fr": "Plan de la tournée", "en": "Map of the tour"},
    "nobody": {"fr": "non affecté", "en": "not assigned"},
    "scale_north": {"fr": "nord en haut", "en": "north is up"},
    "numbers_as_rows": {"fr": "numéros = lignes de la feuille", "en": "numbers = rows of the sheet"},
    "sign_manoeuvre": {"fr": "manœuvre : guide au sol", "en": "manoeuvre: guide on foot"},
    "sign_foot": {"fr": "à pied, camion à l'entrée", "en": "on foot, truck at the entrance"},
    "sign_presentation": {"fr": "bacs à l'entrée, ne pas y entrer", "en": "bins at the entrance, do not drive in"},
    "remarks": {"fr": "Remarques", "en": "Remarks"},
    "km_driven": {"fr": "{km} km", "en": "{km} km"},
    "no_tours": {"fr": "Aucune tournée ce jour.", "en": "No tours on this day."},
    # --- the terminal ---
    "t_km": {"fr": "km", "en": "km"},
    "t_span": {"fr": "service", "en": "service"},
    "t_collect": {"fr": "collecte", "en": "collect"},
    "t_drive": {"fr": "trajets", "en": "drive"},
    "t_unload": {"fr": "vidages", "en": "unload"},
    "t_break": {"fr": "pause", "en": "break"},
    "t_wait": {"fr": "attente", "en": "wait"},
    "t_trips": {"fr": "vid.", "en": "trips"},
    "t_load": {"fr": "poids", "en": "load"},
    "t_reversals": {"fr": "m. arr.", "en": "rev."},
    "t_cost": {"fr": "coût", "en": "cost"},
    "t_per_tonne": {"fr": "€/t", "en": "€/t"},
    "t_total": {"fr": "ensemble", "en": "in all"},
    "t_shares": {
        "fr": "Rues couvertes par la promesse : {covered}\u00a0% de la longueur ; "
        "servi ce jour : {served}\u00a0% du poids.",
        "en": "Streets covered by the promise: {covered} % of the length; served today: {served} % of the weight.",
    },
    "t_more": {
        "fr": "{km} km, {energy}, {co2e} de CO2e, {eur} € ({per_t} €/t), {reversals} marches arrière ({metres})",
        "en": "{km} km, {energy}, {co2e} of CO2e, {eur} € ({per_t} €/t), {reversals} reversals ({metres})",
    },
    "t_unserved": {"fr": "Non collecté : {n} ({kg}), {why}", "en": "Not collected: {n} ({kg}), {why}"},
    "t_nothing_due": {"fr": "Rien n'est à collecter le {day}.", "en": "Nothing is due on {day}."},
    "t_covered_claimed": {
        "fr": "rues couvertes par les semaines promises, selon le plan : {covered}\u00a0% de la longueur",
        "en": "streets that the promised weeks cover, as the plan says: {covered} % of the length",
    },
    "t_checked": {
        "fr": "Vérifié : aucun défaut (ripeur check).",
        "en": "Checked: no fault (ripeur check).",
    },
    "t_what_if": {
        "fr": "Avec {trucks} : {what}, tournée la plus longue {longest}",
        "en": "With {trucks}: {what}, longest tour {longest}",
    },
    "t_one_more": {"fr": "1 camion de plus", "en": "1 truck more"},
    "t_n_more": {"fr": "{n} camions de plus", "en": "{n} trucks more"},
    "t_one_less": {"fr": "1 camion de moins", "en": "1 truck less"},
    "t_n_less": {"fr": "{n} camions de moins", "en": "{n} trucks less"},
    "t_what_if_more": {"fr": "RESTE NON COLLECTÉ {kg} ({tasks})", "en": "LEFT UNCOLLECTED {kg} ({tasks})"},
    "t_what_if_left": {"fr": "non collecté {kg} ({tasks})", "en": "uncollected {kg} ({tasks})"},
    "t_what_if_same": {"fr": "rien de plus ni de moins non collecté", "en": "nothing more or less left uncollected"},
    "t_what_if_cost": {"fr": "coût {eur} € par jour", "en": "cost {eur} € a day"},
    "one_task": {"fr": "{n} tâche", "en": "{n} task"},
    "n_tasks": {"fr": "{n} tâches", "en": "{n} tasks"},
    # --- progress ---
    "step_extract": {"fr": "lecture de la carte", "en": "reading the map"},
    "step_streets": {"fr": "rues et voies praticables", "en": "streets"},
    "step_roads": {"fr": "itinéraires des camions", "en": "ways for the trucks"},
    "step_demand": {"fr": "déchets attendus par rue", "en": "waste expected in each street"},
    "step_proposal": {"fr": "secteurs et jours", "en": "sectors and days"},
    "step_construct": {"fr": "premier plan", "en": "first plan"},
    "step_compile": {
        "fr": "compilation (la première fois : environ une minute, en plus)",
        "en": "compiling (the first time: about a minute, on top)",
    },
    "step_improve": {"fr": "amélioration", "en": "improving"},
    "step_ortools": {"fr": "amélioration (OR-Tools)", "en": "improving (OR-Tools)"},
    "step_done": {"fr": "terminé", "en": "done"},
    "step_best": {
        "fr": "{step}, meilleur plan {eur} €, encore {left} s",
        "en": "{step}, best so far {eur} €, {left} s left",
    },
    "step_left": {"fr": "{step}, encore {left} s", "en": "{step}, {left} s left"},
    "stopping": {
        "fr": "arrêt avec le meilleur plan trouvé (Ctrl-C encore une fois : fin immédiate)",
        "en": "stopping with the best plan so far (Ctrl-C again to end at once)",
    },
    "day_past": {"fr": "le {day} est passé : planifié quand même", "en": "{day} is past: planned all the same"},
    "row_unused": {"fr": "{row} ; la ligne n'est pas utilisée", "en": "{row}; the row is not used"},
    "t_euros": {
        "fr": "Coûts : équipages {crew} €, heures supplémentaires {overtime} €, km {km} €, camions {truck} €, "
        "traitement {gate} €, marches arrière {reversals} €",
        "en": "Costs: crews {crew} €, overtime {overtime} €, km {km} €, trucks {truck} €, gate fees {gate} €, "
        "reversals {reversals} €",
    },
    # --- what is not as usual on a day (optimizer/area/collection.py's reasons) ---
    "t_different": {"fr": "{where}, {what} : {why}", "en": "{where}, {what}: {why}"},
    "holiday_shift": {"fr": "déplacé du {other}, jour férié", "en": "moved from {other}, public holiday"},
    "moved": {"fr": "déplacé du {other}", "en": "moved from {other}"},
    "extra": {"fr": "collecte en plus", "en": "one more collection"},
    "holiday_none": {"fr": "pas de collecte, jour férié", "en": "no collection, public holiday"},
    "holiday_away": {"fr": "déplacé au {other}, jour férié", "en": "moved to {other}, public holiday"},
    "moved_away": {"fr": "déplacé au {other}", "en": "moved to {other}"},
    "cancelled": {"fr": "annulé", "en": "cancelled"},
    # --- why something is not served (fleet.UNSERVED_REASONS) ---
    "UNREACHABLE": {"fr": "aucun chemin praticable", "en": "no way a truck can take"},
    "NO_TRUCK": {"fr": "aucun camion adapté", "en": "no suitable truck"},
    "SKILL_MISSING": {"fr": "compétence absente (grue…)", "en": "skill missing (crane…)"},
    "CAPACITY": {"fr": "plus que la plus grande benne", "en": "more than the largest body holds"},
    "TIME_WINDOW": {"fr": "horaire impossible à tenir", "en": "its hours cannot be met"},
    "SHIFT_TIME": {"fr": "plus de temps dans les services", "en": "no time left in the shifts"},
}

#: Where space is short, kinds of street are written as on street signs.
_SHORT = {
    "fr": {
        "Boulevard": "Bd", "Avenue": "Av.", "Place": "Pl.", "Chemin": "Ch.", "Impasse": "Imp.", "Square": "Sq.",
        "Allée": "All.", "Route": "Rte", "Passage": "Pass.", "Faubourg": "Fg", "Quai": "Q.", "Rue": "R.",
    },
    "en": {"Street": "St", "Avenue": "Ave", "Road": "Rd", "Boulevard": "Blvd", "Square": "Sq"},
}  # fmt: skip
_MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
        "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
}  # fmt: skip
_WEEK = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_NBSP = "\u00a0"


@dataclass(frozen=True)
class AreaWords:
    """The names that a plan does not carry: the area's, its flux (bag colours and weights), depot, sites and trucks."""

    name: str
    flux: tuple[Flux, ...]
    depot: Place | None = None
    sites: tuple[Site, ...] = ()
    trucks: Mapping[str, Truck] = field(default_factory=dict)

    def site_label(self, id: str | None) -> str:
        return next((site.label for site in self.sites if site.id == id), id or "")

    def bags(self, flux_name: str, kg: float) -> int | None:
        """Expected bags, rounded up (a bag left in the street is worse than a place kept free); None without bags."""
        flux = next((flux for flux in self.flux if flux.name == flux_name), None)
        if flux is None or flux.kg_per_bag is None or flux.bag_colour is None:
            return None
        return -int(-kg // flux.kg_per_bag)


def text_in(texts: Mapping[str, Mapping[str, str]], key: str, lang: str, /, **values: object) -> str:
    """The text of a key in a table; ``ValueError`` for a language that there is not, ``KeyError`` for a key."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang = {lang!r}, must be one of {', '.join(LANGUAGES)}")
    return texts[key][lang].format(**values)


def catalogue_text(key: str, lang: str, **values: object) -> str:
    """A text of this catalogue."""
    return text_in(TEXTS, key, lang, **values)


def short_street(name: str, lang: str) -> str:
    """A street's name with its kind shortened; the kind stands first in French, last in English."""
    words = name.split(" ")
    at = 0 if lang == "fr" else -1
    if len(words) > 1:
        words[at] = _SHORT[lang].get(words[at], words[at])
    return " ".join(words)


def tour_name(tour: Tour) -> str:
    """What people call a tour: its shift. The day stands beside it; ids are for machines."""
    return tour.shift or tour.id


def format_number(value: float, lang: str, digits: int = 0) -> str:
    """``1 234,5`` or ``1,234.5``."""
    written = f"{value:,.{digits}f}"
    if written.lstrip("-").strip("0.,") == "":
        written = written.lstrip("-")
    return written.translate(str.maketrans(",.", f"{_NBSP},")) if lang == "fr" else written


def format_mass(kg: float, lang: str) -> str:
    """Kilograms below a tonne, tonnes with one digit above."""
    if round(kg) < 1000:
        return f"{format_number(kg, lang)}{_NBSP}kg"
    return f"{format_number(kg / 1000, lang, 1)}{_NBSP}t"


def format_distance(m: float, lang: str) -> str:
    """Metres to the next ten below a kilometre (under 100 m to the next five), kilometres with one digit above."""
    step = 5 if m < 100 else 10
    rounded = max(step, round(m / step) * step) if m > 0 else 0
    return f"{rounded}{_NBSP}m" if rounded < 1000 else f"{format_number(m / 1000, lang, 1)}{_NBSP}km"


def row_note_text(
    key: str, lang: str, m: float | None = None, seconds: tuple[int, int] | None = None, at: str = ""
) -> str:  # fmt: skip
    """The words of a row's note (``rows.RowNote``). ``at``: the street where a manoeuvre is made."""
    start, end = (f"{s // 3600:02d}:{s // 60 % 60:02d}" for s in seconds or (0, 0))
    return catalogue_text(
        f"note_{key}", lang, length=format_distance(m, lang) if m else "",
        height=f"{format_number(m, lang, 1)}{_NBSP}m" if m else "",
        start=start, end=end, at=f" ({short_street(at, lang)})" if at else "",
    )  # fmt: skip


def format_time(at: datetime, timezone: str) -> str:
    """Local time, ``05:42``."""
    return at.astimezone(ZoneInfo(timezone)).strftime("%H:%M")


def format_duration(seconds: float, lang: str) -> str:
    """``7 h 05`` or ``7 h 05 min``; minutes alone below an hour."""
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}{_NBSP}min"
    written = f"{minutes // 60}{_NBSP}h{_NBSP}{minutes % 60:02d}"
    return written if lang == "fr" else f"{written}{_NBSP}min"


def format_short_day(on: date, lang: str) -> str:
    """``24/11`` or ``24 Nov``: where the year is plain."""
    return f"{on:%d/%m}" if lang == "fr" else f"{on.day} {_MONTHS['en'][on.month - 1][:3]}"


def format_day(on: date, lang: str) -> str:
    """``lundi 23 novembre 2026`` (the first of a month is ``1er``) or ``Monday 23 November 2026``."""
    catalogue_text("tour", lang)  # the same complaint about an unknown language
    first = "1er" if lang == "fr" and on.day == 1 else str(on.day)
    return f"{_WEEK[lang][on.weekday()]} {first} {_MONTHS[lang][on.month - 1]} {on.year}"
