"""What a drill says on the terminal, in French and English."""

from __future__ import annotations

from collections.abc import Mapping

_FRENCH: Mapping[str, str] = {
    "title": "Exercice : {day}, de {since} à {until}, {speed} fois plus vite que le temps réel ({minutes} min).",
    "driving": "Conduite simulée de {tours} tournées …",
    "depot": "Démarrage du dépôt …",
    "publishing": "Publication du plan …",
    "boxes": "Démarrage des boîtiers et des ponts-bascules …",
    "trucks": "{boxes} boîtiers réels, {receiver} ; ponts-bascules : {bridges}.",
    "gpsd": "gpsd réel nourri par gpsfake",
    "no_gpsd": "gpsd absent : chaque boîtier relit ses trames",
    "none": "aucun",
    "equipment": "  {truck} ({tour}) : {what}",
    "full": "étiquettes de bacs, contacts, pesage embarqué, bus du véhicule",
    "tags": "étiquettes de bacs, contacts, pesage embarqué",
    "contacts": "contacts de lève-conteneur",
    "receiver": "récepteur seul",
    "console": "Console : {url}   identifiant {name}, mot de passe {password} (pour cet exercice seulement)",
    "begins": "Départ dans {seconds} s.",
    "summary": "{time}  {active} en service | rues faites {done} ({due} dues), manquées {missed} | en retard {late} | "
    "{lifts} bacs | {tickets} tickets, {kg} | incidents {incidents} | en attente {pending}",
    "incident": "{time}  ! {truck} : {what}",
    "ticket": "{time}  = {site} : {truck}, {net} net (brut {gross}, tare {tare}), ticket {number}",
    "child_died": "{name} s'est arrêté : {why}",
    "ending": "Fin de la conduite : les boîtiers finissent d'envoyer …",
    "interrupted": "Exercice interrompu.",
    "report": "Prévu et réalisé à {until} (exercice de {since} à {until})",
    "r_tour": "Tournée",
    "r_due": "dues",
    "r_done": "faites",
    "r_partly": "en partie",
    "r_missed": "manquées",
    "r_ahead": "en avance",
    "r_km": "km : prévu > fait",
    "r_late": "retard",
    "r_kg": "vidé : prévu > pesé",
    "r_lifts": "bacs",
    "r_all": "ensemble",
    "coverage": "Couverture : {done} des {due} rues et points dus à {until} sont faits ({share} %), {ahead} en avance.",
    "flux": "{flux} : prévu {planned}, à l'usine {sorted}",
    "flux_note": "(par flux : ce que l'usine simulée a compté des charges pesées ; un pont ne pèse que le mélange)",
    "truth": "Preuve contre vérité simulée : {right} sur {judged} jugées juste ; « faite » à tort {false_done}, "
    "« manquée » à tort {false_missed}.",
    "facts": "Faits : {put} enregistrés à bord et aux ponts, {stored} au dépôt, {pending} en attente, {refused} "
    "refusés : {verdict}",
    "whole": "rien de perdu, rien en double.",
    "not_whole": "LE COMPTE N'Y EST PAS.",
    "unheard": "{n} signaux n'ont pu être remis aux boîtiers ou aux ponts.",
    "memory": "Mémoire de tous les processus au plus haut : {mib} Mio.",
    "kept": "Base et journaux : {folder}",
}
_ENGLISH: Mapping[str, str] = {
    "title": "Drill: {day}, {since} to {until}, {speed} times as fast as real time ({minutes} min).",
    "driving": "Driving {tours} tours on paper …",
    "depot": "Starting the depot …",
    "publishing": "Publishing the plan …",
    "boxes": "Starting boxes and bridges …",
    "trucks": "{boxes} real boxes, {receiver}; weighbridges: {bridges}.",
    "gpsd": "real gpsd fed by gpsfake",
    "no_gpsd": "no gpsd here: each box replays its sentences",
    "none": "none",
    "equipment": "  {truck} ({tour}): {what}",
    "full": "bin tags, contacts, on-board scale, vehicle bus",
    "tags": "bin tags, contacts, on-board scale",
    "contacts": "lifter contacts",
    "receiver": "receiver only",
    "console": "Console: {url}   name {name}, password {password} (for this drill only)",
    "begins": "Begins in {seconds} s.",
    "summary": "{time}  {active} on duty | streets served {done} ({due} due), missed {missed} | late {late} | "
    "{lifts} bins | {tickets} tickets, {kg} | incidents {incidents} | waiting {pending}",
    "incident": "{time}  ! {truck}: {what}",
    "ticket": "{time}  = {site}: {truck}, {net} net (gross {gross}, tare {tare}), ticket {number}",
    "child_died": "{name} has ended: {why}",
    "ending": "End of the drive: the boxes send what is left …",
    "interrupted": "Drill interrupted.",
    "report": "Planned and driven at {until} (drill from {since} to {until})",
    "r_tour": "Tour",
    "r_due": "due",
    "r_done": "served",
    "r_partly": "partly",
    "r_missed": "missed",
    "r_ahead": "ahead",
    "r_km": "km: planned > driven",
    "r_late": "late",
    "r_kg": "unloaded: planned > weighed",
    "r_lifts": "bins",
    "r_all": "all",
    "coverage": "Coverage: {done} of {due} streets and points due by {until} are served ({share} %); {ahead} ahead.",
    "flux": "{flux}: planned {planned}, at the plant {sorted}",
    "flux_note": "(by stream: what the simulated plant counted of the loads weighed; a bridge weighs the mixture)",
    "truth": "Evidence against the simulated truth: {right} of {judged} judged right; falsely “served” {false_done}, "
    "falsely “missed” {false_missed}.",
    "facts": "Facts: {put} recorded on board and at the bridges, {stored} at the depot, {pending} waiting, {refused} "
    "refused: {verdict}",
    "whole": "nothing lost, nothing doubled.",
    "not_whole": "THE COUNT IS NOT RIGHT.",
    "unheard": "{n} signals could not be handed to the boxes or bridges.",
    "memory": "Memory of all processes at its peak: {mib} MiB.",
    "kept": "Database and logs: {folder}",
}


def drill_text(key: str, lang: str, **values: object) -> str:
    """A sentence of the drill, filled in."""
    return (_FRENCH if lang == "fr" else _ENGLISH)[key].format(**values)
