"""What the terminal shows of drop-off points, and the words for what was refused, in French and English."""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from fleet import spreadsheet_cell
from optimizer.drop_off.points import STATUSES, Container, DropOffPoint, ImportResult, Remark, RowFault

TEXTS: dict[str, dict[str, str]] = {
    # places
    "row": {"fr": "ligne", "en": "row"},
    "feature": {"fr": "objet", "en": "feature"},
    "node": {"fr": "nœud", "en": "node"},
    "way": {"fr": "chemin", "en": "way"},
    "relation": {"fr": "relation", "en": "relation"},
    # why a row is refused
    "missing": {"fr": "absent", "en": "missing"},
    "no_column": {"fr": "aucune colonne du fichier ne le donne", "en": "no column of the file gives it"},
    "not_a_number": {"fr": "n'est pas un nombre", "en": "not a number"},
    "not_a_count": {"fr": "n'est pas un nombre entier de conteneurs", "en": "not a whole number of containers"},
    "not_a_date": {"fr": "n'est pas une date", "en": "not a date"},
    "out_of_range": {"fr": "hors limites", "en": "out of range"},
    "swapped": {
        "fr": "latitude et longitude (ou x et y) sont interverties",
        "en": "latitude and longitude (or x and y) are swapped",
    },
    "zero_zero": {"fr": "0, 0 n'est pas une position : absente", "en": "0, 0 is no position: missing"},
    "outside_area": {"fr": "hors du territoire", "en": "outside the area"},
    "duplicate": {"fr": "déjà présent", "en": "already there"},
    "unknown_flux": {"fr": "flux inconnu", "en": "unknown flux"},
    "unknown_position": {"fr": "position inconnue", "en": "unknown position"},
    "unknown_handling": {"fr": "mode de préhension inconnu", "en": "unknown handling"},
    "unknown_status": {"fr": "statut inconnu", "en": "unknown status"},
    "elsewhere": {"fr": "le même point est placé ailleurs", "en": "the same point stands elsewhere"},
    "too_many_cells": {"fr": "trop de cellules", "en": "too many cells"},
    "unreadable": {"fr": "ligne illisible", "en": "unreadable row"},
    "not_a_point": {"fr": "la géométrie n'est pas un point", "en": "the geometry is not a point"},
    "no_location": {"fr": "sans position dans l'extrait", "en": "without a position in the extract"},
    # remarks
    "encoding": {"fr": "encodage deviné : {detail}", "en": "encoding guessed: {detail}"},
    "untyped": {
        "fr": "sans recycling_type (nœud = point, surface ou horaires = déchèterie) : {detail}",
        "en": "without recycling_type (node = point, area or opening hours = centre): {detail}",
    },
    "materials_ignored": {
        "fr": "matières sans flux chez nous : {detail}",
        "en": "materials without a flux of ours: {detail}",
    },
    "no_containers": {
        "fr": "points dont les conteneurs sont inconnus : {detail}",
        "en": "points whose containers are unknown: {detail}",
    },
    "kept_out": {
        "fr": "lignes écartées par la correspondance : {detail}",
        "en": "rows left out by the mapping: {detail}",
    },
    "differs": {
        "fr": "lignes d'un même point qui se contredisent (la première vaut) : {detail}",
        "en": "rows of one point that disagree (the first counts): {detail}",
    },
    "columns": {"fr": "colonnes comprises : {detail}", "en": "columns understood: {detail}"},
    # show
    "points": {"fr": "Points d'apport volontaire", "en": "Drop-off points"},
    "containers": {"fr": "conteneurs", "en": "containers"},
    "points_of": {"fr": "points", "en": "points"},
    "volume": {"fr": "volume", "en": "volume"},
    "unknown_volume": {"fr": "dont {detail} de volume inconnu", "en": "{detail} of unknown volume"},
    "no_volume": {"fr": "volume inconnu", "en": "volume unknown"},
    "of_which": {"fr": "dont", "en": "of which"},
    "by_flux": {"fr": "Par flux", "en": "By flux"},
    "by_commune": {"fr": "Par commune", "en": "By commune"},
    "unknown": {"fr": "(inconnue)", "en": "(unknown)"},
    "centres": {"fr": "Déchèteries, à part", "en": "Recycling centres, apart"},
    "refused": {"fr": "Lignes refusées", "en": "Refused rows"},
    "rows": {"fr": "lignes", "en": "rows"},
    "and_more": {"fr": "et {detail} autres", "en": "and {detail} more"},
    "several_in_one": {
        "fr": "Plusieurs flux dans une cellule ? Un fichier de correspondance (--mapping) dit ce qui les sépare : "
        "separator = {detail} (docs/drop-off-points.md)",
        "en": "Several flux in one cell? A mapping file (--mapping) says what stands between them: "
        "separator = {detail} (docs/drop-off-points.md)",
    },
    "not_named": {
        "fr": "À écrire dans area.toml, [demand] : drop_off_points = {detail}, sinon les plans prennent les points "
        "de la carte",
        "en": "To write in area.toml, [demand]: drop_off_points = {detail}, else plans take the map's points",
    },
    "remarks": {"fr": "Remarques", "en": "Remarks"},
    # values
    "active": {"fr": "en service", "en": "active"},
    "out_of_service": {"fr": "hors service", "en": "out of service"},
    "planned": {"fr": "en projet", "en": "planned"},
    "removed": {"fr": "supprimé", "en": "removed"},
    "residual": {"fr": "ordures résiduelles", "en": "residual"},
    "packaging": {"fr": "emballages", "en": "packaging"},
    "paper": {"fr": "papier", "en": "paper"},
    "glass": {"fr": "verre", "en": "glass"},
    "food": {"fr": "restes alimentaires", "en": "food"},
    "green": {"fr": "végétaux", "en": "green waste"},
    "metal": {"fr": "métal", "en": "metal"},
    "clothes": {"fr": "textiles", "en": "clothes"},
}  # fmt: skip


_MOST_WORDS = 8


def refusal_text(refusal: RowFault, language: str = "en") -> str:
    shown = refusal.value if len(refusal.value) <= 60 else refusal.value[:57] + "…"
    where = f"{_text(refusal.place, language)} {refusal.row}, {refusal.column} = {shown!r}"
    return f"{where}: {_text(refusal.why, language)}{f' ({refusal.bound})' if refusal.bound else ''}"


def remark_text(remark: Remark, language: str = "en") -> str:
    return _text(remark.key, language).format(detail=remark.detail)


def _heading(key: str, language: str) -> str:
    return _text(key, language) + (" :" if language == "fr" else ":")


def _text(key: str, language: str) -> str:
    return TEXTS[key][language] if key in TEXTS else key


def listing_lines(
    reading: ImportResult, language: str = "en", labels: Mapping[str, str] | None = None, most_rows: int = 5
) -> list[str]:
    """Lines for the terminal: points by flux and commune, containers, volume, refused rows by reason, remarks.

    ``language``: "fr" or "en". ``labels``: an area's own names of its flux. ``most_rows``: rows named per reason.
    """
    if language not in ("fr", "en"):
        raise ValueError(f"drop-off points: language = {language!r}, must be one of fr, en")
    containers = [container for point in reading.points for container in point.containers]
    counted = f"{len(reading.points)} {_text('points_of', language)}, {len(containers)} {_text('containers', language)}"
    lines = [f"{_heading('points', language)} {counted}, {_volume(containers, language)}"]
    statuses = Counter(point.status for point in reading.points)
    if set(statuses) - {"active"}:
        said = ", ".join(f"{_text(status, language)} {statuses[status]}" for status in STATUSES if statuses[status])
        lines.append(f"  {_text('of_which', language)} {said}")
    lines += _by_flux(reading.points, language, labels or {})
    lines += _by_commune(reading.points, language)
    if reading.centres:
        lines.append(f"{_heading('centres', language)} {len(reading.centres)}")
        lines += [f"  {centre.id}  {centre.name or ''}".rstrip() for centre in reading.centres]
    lines += _refused(reading, language, most_rows)
    if reading.remarks:
        lines.append(_heading("remarks", language))
        lines += [f"  {remark_text(remark, language)}" for remark in reading.remarks]
    return lines


def _volume(containers: Collection[Container], language: str) -> str:
    known = [container.volume_m3 for container in containers if container.volume_m3 is not None]
    if containers and not known:
        return _text("no_volume", language)
    said = f"{_text('volume', language)} {sum(known):.1f} m³"
    if len(known) < len(containers):
        said += f" ({_text('unknown_volume', language).format(detail=len(containers) - len(known))})"
    return said


def _by_flux(points: Iterable[DropOffPoint], language: str, labels: Mapping[str, str]) -> Iterator[str]:
    containers: dict[str, list[Container]] = defaultdict(list)
    standing: Counter[str] = Counter()
    for point in points:
        standing.update({container.flux for container in point.containers})
        for container in point.containers:
            containers[container.flux].append(container)
    if containers:
        yield _heading("by_flux", language)
    for flux in sorted(containers, key=lambda name: (-len(containers[name]), name)):
        label = labels.get(flux) or _text(flux, language)
        yield (
            f"  {label:<24} {len(containers[flux]):>5} {_text('containers', language)} "
            f"{standing[flux]:>5} {_text('points_of', language)}  {_volume(containers[flux], language)}"
        )


def _by_commune(points: Iterable[DropOffPoint], language: str) -> Iterator[str]:
    counted = Counter(point.commune or _text("unknown", language) for point in points)
    if counted:
        yield _heading("by_commune", language)
    for commune, n in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        yield f"  {commune:<24} {n:>5} {_text('points_of', language)}"


def _refused(reading: ImportResult, language: str, most_rows: int) -> Iterator[str]:
    if not reading.refused:
        return
    yield f"{_heading('refused', language)} {reading.refused_rows}"
    groups: dict[tuple[str, str], list[RowFault]] = defaultdict(list)
    for refusal in reading.refused:
        groups[refusal.column, refusal.why].append(refusal)
    for (column, why), same in groups.items():
        if len(same) > most_rows and why.startswith("unknown_"):
            yield f"  {column}: {_text(why, language)}{_words(same, language)} ({same[0].bound})"
        elif len(same) > most_rows:
            named = ", ".join(str(refusal.row) for refusal in same[:most_rows])
            bound = f" ({same[0].bound})" if len({refusal.bound for refusal in same}) == 1 and same[0].bound else ""
            places = f"{_text(same[0].place, language)} {named}, … ({len(same)} {_text('rows', language)})"
            yield f"  {places}, {column}: {_text(why, language)}{bound}"
        else:
            yield from (f"  {refusal_text(refusal, language)}" for refusal in same)
    joined = [r.value for r in reading.refused if r.why == "unknown_flux" and any(mark in r.value for mark in ";,")]
    if joined:
        mark = max(";,", key=lambda mark: sum(mark in value for value in joined))
        yield f"  {_text('several_in_one', language).format(detail=chr(34) + mark + chr(34))}"


def _words(refused: Iterable[RowFault], language: str) -> str:
    """The words themselves, the most frequent first: the file is mended word by word, not row by row."""
    counted = Counter(refusal.value for refusal in refused).most_common()
    colon = " : " if language == "fr" else ": "
    said = [f"{value[:60]!r} ({n} {_text('rows' if n > 1 else 'row', language)})" for value, n in counted[:_MOST_WORDS]]
    if len(counted) > _MOST_WORDS:
        said.append(_text("and_more", language).format(detail=len(counted) - _MOST_WORDS))
    return colon + ", ".join(said)


def unnamed_file_hint(file: str, language: str) -> str:
    """What to do for an area to use the points that were imported into ``file``."""
    return _text("not_named", language).format(detail=f'"{file}"')


def write_refused(refused: Iterable[RowFault], path: Path, language: str = "en") -> None:
    """Every refusal as CSV, for the town to correct its file: place, row, column, value, why, bound."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\r\n")  # a lone \r in a value is then quoted too
        rows.writerow(("place", "row", "column", "value", "why", "bound"))
        for r in refused:
            written = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) == "Cs" else c for c in r.value)
            rows.writerow(
                (_text(r.place, language), r.row, r.column, spreadsheet_cell(written), _text(r.why, language), r.bound)
            )
