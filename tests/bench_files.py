"""Small instances of published formats."""

from __future__ import annotations

from pathlib import Path

#: A triangle 1-2-3 with a dead end 3-4; demands of 2 each, room for 4.
TRIANGLE = """ NOMBRE : triangle
 VERTICES : 4
 ARISTAS_REQ : 3
 ARISTAS_NOREQ : 1
 VEHICULOS : 2
 CAPACIDAD : 4
 LISTA_ARISTAS_REQ :
 ( 1, 2)  coste 3 demanda 2
 ( 2, 3)  coste 4 demanda 2
 ( 3, 1)  coste 5 demanda 2
 LISTA_ARISTAS_NOREQ :
 ( 3, 4)  coste 1
 DEPOSITO :   1
"""

#: Two arcs from 1 to 2 beside each other, of different demand, an edge back; unloading at 2 only.
BESIDE = """NAME : beside.dat
VEHICLES : 1
CAPACITY : 5
DUMPING_COST : 10
MAX_TRIP : 100
LIST_REQ_EDGES :
(1,2)   serv_cost 7    trav_cost 2    demand 1
LIST_REQ_ARCS :
(1,2)   serv_cost 5   trav_cost 1   demand 4
(1,2)   serv_cost 6   trav_cost 3   demand 5
LIST_NOREQ_ARCS :
(2,3)   cost 1
DEPOT : 1
DUMPING_SITES : 2
"""


def file_with(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="latin-1")
    return path
