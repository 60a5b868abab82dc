"""What the protocols of weighing indicators are called on a command line, without loading one of them."""

from __future__ import annotations

MT_CONTINUOUS, SMA, DINI_ARGEO, SYSTEC, RINSTRUM = "mt-continuous", "sma", "dini-argeo", "systec", "rinstrum"
INDICATOR_PROTOCOLS = (MT_CONTINUOUS, SMA, DINI_ARGEO, SYSTEC, RINSTRUM)
