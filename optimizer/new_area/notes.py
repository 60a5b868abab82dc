"""What `ripeur area new` has read off the map, proposed and assumed, in words: French and English."""

from __future__ import annotations

from collections.abc import Iterable

from optimizer.area import Note, number_text

#: By a note's code; ``<code>_one`` where its ``count`` is one.
TEXTS: dict[str, dict[str, str]] = {
    # --- the country ---
    "proposed": {"fr": "{what} : {why}", "en": "{what}: {why}"},
    "asked": {"fr": "{what} : comme demandé", "en": "{what}: as asked for"},
    "timezone": {"fr": "fuseau horaire", "en": "time zone"},
    "holidays": {"fr": "jours fériés", "en": "holidays"},
    "traffic_side": {"fr": "côté de circulation", "en": "side of the road"},
    "country_tag": {
        "fr": "d'après les adresses de la carte, {code} ({times} fois)",
        "en": "the map's addresses say {code} ({times} times)",
    },
    "country_names": {
        "fr": "{times} noms de rue sur {names} se lisent comme {code}",
        "en": "{times} of {names} street names read like {code}",
    },
    "country_assumed": {
        "fr": "la carte ne dit pas le pays : la France est supposée",
        "en": "the map does not say the country: France is assumed",
    },
    "holiday_parts": {
        "fr": "{code} ne connaît que les jours fériés nationaux ; des régions en ont d'autres, à écrire dans "
        "holidays (ou --holidays) : {parts}",
        "en": "{code} knows only national holidays; parts of it have more, to be written as holidays "
        "(or --holidays): {parts}",
    },
    # --- people ---
    "people_given": {
        "fr": "Population : celle donnée à `ripeur area new`, pour toute la carte.",
        "en": "Population: as given to `ripeur area new`, for all that the extract covers.",
    },
    "people_mapped": {
        "fr": "Population : RÉELLE, celle des communes et des lieux de la carte (OpenStreetMap).",
        "en": "Population: REAL, that of the map's places and boundaries (OpenStreetMap).",
    },
    "people_assumed": {
        "fr": "Population : SUPPOSÉE, {per_km} habitants par km de rue habitée, car la carte n'en donne pas. Écrire "
        "le vrai nombre dans area.toml, ou créer le territoire avec --population.",
        "en": "Population: ASSUMED, {per_km} inhabitants per km of residential street, because the map gives none. "
        "Put the true number into area.toml, or make the area with --population.",
    },
    # --- depot and site ---
    "depot": {"fr": "Dépôt : {why}", "en": "Depot: {why}"},
    "site": {"fr": "Site de vidage : {why}", "en": "Unloading site: {why}"},
    "place_near": {
        "fr": "carrefour le plus proche {what}{name}, à {metres} m",
        "en": "nearest junction to {what}{name}, {metres} m away",
    },
    "no_depot": {
        "fr": "ni dépôt ni zone industrielle sur la carte : un carrefour près du milieu des habitants, à déplacer",
        "en": "no depot or industrial land on the map: a junction near the middle of the people; move it",
    },
    "no_other_depot": {
        "fr": "pas de lieu pour lui sur la carte, sinon au site de vidage : un carrefour près du milieu des habitants, "
        "à déplacer",
        "en": "no place for it on the map but the unloading site's: a junction near the middle of the people; move it",
    },
    "no_site": {
        "fr": "ni site de vidage ni zone industrielle sur la carte : un carrefour près du milieu des habitants, "
        "à déplacer",
        "en": "no unloading site or industrial land on the map: a junction near the middle of the people; move it",
    },
    "landuse=depot": {"fr": "d'un dépôt de véhicules", "en": "a vehicle depot"},
    "landuse=industrial": {"fr": "d'une zone industrielle", "en": "industrial land"},
    "landuse=landfill": {"fr": "d'une décharge", "en": "a landfill"},
    "amenity=recycling": {"fr": "d'une déchèterie", "en": "a recycling centre"},
    "amenity=waste_transfer_station": {"fr": "d'un quai de transfert", "en": "a waste transfer station"},
    "amenity=waste_disposal": {"fr": "d'un lieu de dépôt de déchets", "en": "a waste disposal place"},
    "man_made=works": {"fr": "d'une usine", "en": "a factory"},
    "man_made=wastewater_plant": {"fr": "d'une station d'épuration", "en": "a wastewater plant"},
    # --- the fleet ---
    "fleet": {
        "fr": "Flotte pour le plus chargé de {days} jours : {tonnes} t de sacs, {km} km de côtés de rue, {trucks} "
        "de {hours} h avec {margin} % de réserve",
        "en": "Sized for the heaviest of {days} days: {tonnes} t of bags, {km} km of street sides, {trucks} "
        "of {hours} h with {margin} % in hand",
    },
    "trucks": {"fr": "{count} camions", "en": "{count} trucks"},
    "trucks_one": {"fr": "{count} camion", "en": "{count} truck"},
    "light": {
        "fr": "{ids} : petit gabarit, pour les rues où les autres n'entrent pas",
        "en": "{ids}: light and narrow, for streets that the others may not enter",
    },
    "crane": {
        "fr": "{ids} : à grue, pour {containers} de la carte",
        "en": "{ids}: a crane for {containers} of the map",
    },
    "containers": {"fr": "{count} conteneurs à verre", "en": "{count} glass containers"},
    "containers_one": {"fr": "{count} conteneur à verre", "en": "{count} glass container"},
    "no_crane": {
        "fr": "la carte n'a aucun conteneur à verre : ni camion à grue, ni verre dans collection.csv",
        "en": "the map has no glass container: no crane truck, no glass in collection.csv",
    },
    "id_run": {"fr": "{first} à {last}", "en": "{first} to {last}"},
}


def in_words(note: Note, language: str) -> str:
    """A note in words; notes inside it too."""
    one = note.values.get("count") == 1 and f"{note.code}_one" in TEXTS
    filled = {name: _value(value, language) for name, value in note.values.items()}
    return TEXTS[f"{note.code}_one" if one else note.code][language].format(**filled)


def all_in_words(notes: Iterable[Note], language: str) -> str:
    """Several in one line."""
    return (" ; " if language == "fr" else "; ").join(in_words(note, language) for note in notes)


def _value(value: object, language: str) -> str:
    if isinstance(value, Note):
        return in_words(value, language)
    if isinstance(value, tuple):
        return ", ".join(_value(part, language) for part in value)
    return number_text(value, language) if isinstance(value, int | float) else str(value)
