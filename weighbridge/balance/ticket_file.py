"""The plant operator's ticket file: most often the bridge is his, and this CSV is the main source of what was weighed.

Columns: ``number``, ``in``, ``out`` (instants), ``plate``, ``product``, ``gross``, ``tare``, ``net``. Every row is
judged alone. The same row has the same id however often it is imported; a row that the plant changed afterwards is
another ticket of the same number, of which the last that came in counts (``balance.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid5

from fleet import Ticket
from weighbridge.balance.plant_file import (
    PlantFormat,
    PlantRow,
    PlantRowFault,
    plant_rows,
    read_mapping,
    resolve_period,
    row_message,
)
from weighbridge.bridge import ID_NAMESPACE, KnownTruck, normalized_plate

COLUMNS = ("number", "in", "out", "plate", "product", "gross", "tare", "net")
NEEDED = ("number", "out", "plate", "net")
#: A net weight may be printed with fewer decimals than what it comes from.
NET_KG = 1.0


@dataclass(frozen=True, slots=True)
class TicketReading:
    """``refused``: rows that cannot be used, with the reason; ``doubtful``: used, but something had to be assumed.

    ``unknown_products``: codes that ``[flux]`` does not map, with how many tickets have them.
    """

    tickets: tuple[Ticket, ...]
    refused: tuple[str, ...]
    doubtful: tuple[str, ...]
    unknown_products: Mapping[str, int]

    @property
    def strangers(self) -> tuple[Ticket, ...]:
        """Tickets whose plate is no truck of ours."""
        return tuple(ticket for ticket in self.tickets if ticket.truck is None)


def ticket_format(path: Path) -> PlantFormat:
    """The TOML that maps a ticket file. Raises ``ValueError``."""
    return read_mapping(path, COLUMNS, NEEDED)


def read_tickets(path: Path, form: PlantFormat, site: str, trucks: Mapping[str, KnownTruck]) -> TicketReading:
    """Every good row as a ticket. Raises ``ValueError`` only where the file as a whole cannot be read."""
    of_plate = {normalized_plate(truck.plate): truck.id for truck in trucks.values() if truck.plate}
    tickets: list[Ticket] = []
    refused: list[str] = []
    doubtful: list[str] = []
    unknown: dict[str, int] = {}
    seen: set[str] = set()
    last: datetime | None = None
    for row in plant_rows(path, form):
        try:
            ticket = _ticket(row, site, of_plate, last)
        except ValueError as error:  # PlantRowFault, or what fleet.Ticket does not allow
            refused.append(row_message(row, error))
            continue
        last = ticket.at
        doubtful += [row_message(row, doubt) for doubt in row.doubts]
        if ticket.id in seen:
            continue  # the same row twice in one file
        seen.add(ticket.id)
        tickets.append(ticket)
        if ticket.product is not None and ticket.flux is None:
            unknown[ticket.product] = unknown.get(ticket.product, 0) + 1
    return TicketReading(tuple(tickets), tuple(refused), tuple(doubtful), unknown)


def _ticket(row: PlantRow, site: str, of_plate: Mapping[str, str], last: datetime | None) -> Ticket:
    number, plate = row.needed("number"), row.needed("plate")
    row.needed("out")
    came, left, doubtful = resolve_period(row.instants("in"), row.instants("out"), last)
    if doubtful:
        row.doubts.append(f"out = {row.text('out')!r}, an hour that comes twice: taken as the first")
    gross, tare, net = (row.kg(name) for name in ("gross", "tare", "net"))
    if net is None:
        if gross is None or tare is None:
            raise PlantRowFault("net is empty, must be given where gross or tare is not")
        net = round(gross - tare, 3)
    if net < 0:
        raise PlantRowFault(f"net = {net:g} kg, must be 0 or more")
    if gross is not None and tare is not None and abs(gross - tare - net) > NET_KG:
        raise PlantRowFault(f"net = {net:g} kg, must be gross - tare = {gross - tare:g} kg")
    values: dict[str, Any] = {
        "at": left, "in_at": came, "number": number, "net_kg": net, "gross_kg": gross, "tare_kg": tare,
        "plate": plate, "product": row.text("product"), "flux": row.flux("product"),
        "truck": of_plate.get(normalized_plate(plate)),
    }  # fmt: skip
    return Ticket(id=_id(site, {k: v for k, v in values.items() if k not in ("truck", "flux")}), site=site, **values)


def _id(site: str, values: Mapping[str, Any]) -> str:
    """Of what the plant wrote, not of what we make of it: a mapping that is mended must not double its tickets."""
    text = "|".join(f"{name}={values[name]}" for name in sorted(values))
    return str(uuid5(ID_NAMESPACE, f"file/{site}/{hashlib.sha256(text.encode()).hexdigest()}"))
