"""The protocols that weighbridge indicators speak, each a declared table, and the reading that a frame stands for.

Sources: METTLER TOLEDO Wildcat technical manual p. 6-4, Fairbanks FB3000 p. 55, Cardinal 225 p. 118, Rice Lake 680
§11.3.4 (continuous); Sartorius PR 5211 p. 48, B-TEK T405S p. 80 (SMA SCP-0499); Dini Argeo 3590EXP p. 65, CAS CI-400
p. 103, PCE HLD150 p. 14; SysTec "Approved weight with alibi memory"; Rinstrum R320 p. 46.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from weighbridge import protocol_names as names
from weighbridge.indicator.decoder import DecodedFrame
from weighbridge.indicator.frames import (
    Bits,
    Code,
    Field,
    Fixed,
    FrameFormat,
    FrameLayout,
    Number,
    Rest,
    StatusWord,
    Text,
    Values,
    code,
)

KG_PER: Mapping[str, Decimal] = {
    "kg": Decimal(1), "t": Decimal(1000), "g": Decimal("0.001"), "lb": Decimal("0.45359237"),
}  # fmt: skip
_UNITS_2: Mapping[bytes, Mapping[str, Any]] = {
    b"kg": {"unit": "kg"}, b" t": {"unit": "t"}, b" g": {"unit": "g"}, b"lb": {"unit": "lb"},
    b"t ": {"unit": "t"}, b"g ": {"unit": "g"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndicatorProtocol:
    """A protocol: its frames; for those that answer only when asked, what is asked.

    ``watch``: the weight as it is now. ``weigh``: a legal weighing, kept in the alibi memory; None: the stable frame
    itself is the weighing. ``talks``: the layout that the simulator sends. ``baud``: as often delivered.
    """

    format: FrameFormat
    talks: str
    watch: bytes | None = None
    weigh: bytes | None = None
    baud: int = 9600

    @property
    def name(self) -> str:
        return self.format.name


# --- Mettler-Toledo continuous --------------------------------------------------------------------------------------


def toledo_check(frame: bytes) -> int:
    """Two's complement of the seven low bits of the sum of all bytes before it, STX and CR included."""
    return -sum(byte & 0x7F for byte in frame) & 0x7F


_TOLEDO_STATUS = StatusWord(
    3,
    (
        Bits("decimals", ((0, 2), (0, 1), (0, 0)), {2: 0, 0: -2, 1: -1, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5}),
        Bits("step", ((0, 4), (0, 3)), {1: 1, 2: 2, 3: 5, 0: None}),
        Bits("shown", ((1, 0),), {0: "gross", 1: "net"}),
        Bits("negative", ((1, 1),), {0: False, 1: True}),
        Bits("fault", ((1, 6), (1, 2)), {0: None, 1: "out_of_range", 2: "never_zeroed", 3: "out_of_range_not_zeroed"}),
        Bits("stable", ((1, 3),), {0: True, 1: False}),
        # byte 2's low bits name other units than the kg/lb of byte 1 (t: Triner)
        Bits("unit", ((1, 4), (2, 2), (2, 1), (2, 0)),
             {8: "kg", 0: "lb", 9: "g", 1: "g", 10: "t", 2: "t"}),
        Bits("print", ((2, 3),), {0: False, 1: True}),
        Bits("expanded", ((2, 4),), {0: False, 1: True}),
        Bits("keyboard_tare", ((2, 6),), {0: False, 1: True}),  # Fairbanks; 0 elsewhere
    ),
    ones=((0, 5), (1, 5), (2, 5)),
    held=((0, 5, 1), (0, 6, 0), (2, 5, 1)),  # not byte 1, bit 5: Fairbanks sends 0
)  # fmt: skip
_TOLEDO_WEIGHT = Number("weight", 6, whole=True, fill="0", nothing=" ")
_TOLEDO_TARE = Number("tare", 6, whole=True, fill="0", nothing=" ")

MT_CONTINUOUS = IndicatorProtocol(
    FrameFormat(
        name=names.MT_CONTINUOUS,
        start=b"\x02",
        end=b"\r",
        layouts=(
            FrameLayout("full", (_TOLEDO_STATUS, _TOLEDO_WEIGHT, _TOLEDO_TARE)),
            # Cardinal "short": what is left of a full frame when six bytes are lost looks like it
            FrameLayout("short", (_TOLEDO_STATUS, _TOLEDO_WEIGHT), unless="full"),
        ),
        longest=20,
        check=toledo_check,
        seven_bits=True,
    ),
    talks="full",
)

# --- SMA SCP-0499 ---------------------------------------------------------------------------------------------------

_SMA_STATE = Code(
    1,
    {
        b"O": {"fault": "over"}, b"U": {"fault": "under"}, b"E": {"fault": "zero_error"},
        b"I": {"fault": "never_zeroed"}, b"T": {"fault": "tare_error"},
        b"Z": {"zero": True}, b" ": {},
    },
)  # fmt: skip
_SMA_SHOWN = Code(
    1,
    {
        b"g": {"shown": "gross", "fine": True}, b"n": {"shown": "net", "fine": True},
        b"G": {"shown": "gross"}, b"N": {"shown": "net"}, b"T": {"shown": "tare"},
    },
)  # fmt: skip
_SMA_UNIT = Code(3, {b"kg ": {"unit": "kg"}, b"t  ": {"unit": "t"}, b"g  ": {"unit": "g"}, b"lb ": {"unit": "lb"}})

SMA = IndicatorProtocol(
    FrameFormat(
        name=names.SMA,
        start=b"\n",
        end=b"\r",
        layouts=(
            FrameLayout(
                "standard",
                (
                    _SMA_STATE,
                    Text("range", 1, "[0-9]", usual="1"),
                    _SMA_SHOWN,
                    Code(1, {b"M": {"stable": False}, b" ": {"stable": True}}),
                    Text("reserved", 1),
                    Number("weight", 10),
                    _SMA_UNIT,
                ),
            ),
            FrameLayout("unknown_command", (Fixed(b"?"),)),
            FrameLayout(
                "diagnostic", tuple(Text(name, 1, "[A-Z ]") for name in ("ram", "eeprom", "calibration", "memory"))
            ),
            FrameLayout("about", (Text("key", 3, "[A-Z]{3}"), Fixed(b":"), Rest("text"))),
        ),
    ),
    talks="standard",
    watch=b"\nW\r",
)

# --- Dini Argeo, CAS and others that say "ST,GS" --------------------------------------------------------------------

_STATE = Code(
    2,
    {
        b"OL": {"fault": "over", "stable": False}, b"UL": {"fault": "under", "stable": False},
        b"TL": {"fault": "tilted", "stable": False}, b"US": {"stable": False}, b"ST": {"stable": True},
    },
)  # fmt: skip
_COMMA = Fixed(b",")
_SHOWN = code("shown", GS="gross", NT="net")
_UNIT = Code(2, _UNITS_2)
_TARE_KIND = Code(2, {b"PT": {"tare_source": "typed"}, b"  ": {}})
_DINI: Mapping[str, tuple[Field, ...]] = {
    "standard": (_STATE, _COMMA, _SHOWN, _COMMA, Number("weight", 8), _COMMA, _UNIT),
    "pce": (_STATE, _COMMA, _SHOWN, _COMMA, Number("weight", 8), _UNIT),
    "cas": (
        _STATE, _COMMA, _SHOWN, _COMMA, Text("scale", 1), Text("lamp", 1), _COMMA, Number("weight", 8),
        Fixed(b" "), _UNIT,
    ),
    "extended": (
        Text("scale", 1, "[0-9]", usual="1"), _COMMA, _STATE, _COMMA, Number("net", 10), _COMMA, _TARE_KIND,
        Number("tare", 10), _COMMA, Number("pieces", 10, nothing=" "), _COMMA, _UNIT,
    ),
    "af": (
        _STATE, _COMMA, Text("scale", 1, "[0-9]", usual="1"), _COMMA, Number("gross", 10), _UNIT, _COMMA, _TARE_KIND,
        Number("tare", 10), _UNIT,
    ),
}  # fmt: skip
_PART_OF = {"pce": "standard"}  # what a standard line that lost its last comma looks like
_ADDRESS = Text("address", 2, "[0-9]{2}")

DINI_ARGEO = IndicatorProtocol(
    FrameFormat(
        name=names.DINI_ARGEO,
        start=b"",
        end=b"\r\n",
        layouts=tuple(FrameLayout(name, fields, _PART_OF.get(name)) for name, fields in _DINI.items())
        # on RS-485 two digits of address go before
        + tuple(
            FrameLayout(
                f"{name}_addressed", (_ADDRESS, *fields), f"{_PART_OF[name]}_addressed" if name in _PART_OF else None
            )
            for name, fields in _DINI.items()
        ),
    ),
    talks="standard",
)

# --- SysTec: question and answer, with an alibi memory --------------------------------------------------------------

SYSTEC = IndicatorProtocol(
    FrameFormat(
        name=names.SYSTEC,
        start=b"<",
        end=b">",
        layouts=(
            FrameLayout(
                "weighing",
                (
                    Text("code", 2, "[0-9]{2}", usual="00"),
                    Code(1, {b"0": {"stable": True}, b"1": {"stable": False}}, others={"stable": False}),
                    Code(1, {b"0": {}, b"1": {"fault": "not_positive"}}, others={"fault": "not_positive"}),
                    Text("date", 8),
                    Text("time", 5, "[0-9 ][0-9]:[0-9]{2}"),
                    Text("alibi", 4, " *[0-9]+", right=True, usual="0"),
                    Text("scale", 1, usual="1"),
                    Number("gross", 8),
                    Number("tare", 8),
                    Number("net", 8),
                    Code(2, _UNITS_2),
                    Code(2, {b"PT": {"tare_source": "typed"}, b" T": {"tare_source": "automatic"}, b"  ": {}}),
                    Rest("tail"),  # not documented; a damaged or missing tail says nothing of the weights before it
                ),
            ),
            FrameLayout("error", (Text("code", 2, "[0-9]{2}"),)),
        ),
        longest=120,
    ),
    talks="weighing",
    watch=b"<RM>",
    weigh=b"<RN>",
)

# --- Rinstrum -------------------------------------------------------------------------------------------------------

_RINSTRUM_SIGN = Code(1, {b"-": {"negative": True}, b" ": {"negative": False}})
_RINSTRUM_SHOWN: Mapping[bytes, Mapping[str, Any]] = {
    b"U": {"fault": "under"}, b"O": {"fault": "over"}, b"E": {"fault": "error"},
    b"G": {"shown": "gross"}, b"N": {"shown": "net"},
}  # fmt: skip

RINSTRUM = IndicatorProtocol(
    FrameFormat(
        name=names.RINSTRUM,
        start=b"\x02",
        end=b"\x03",
        layouts=(
            FrameLayout(
                "a", (_RINSTRUM_SIGN, Number("weight", 7), Code(1, {b"M": {"stable": False}, **_RINSTRUM_SHOWN}))
            ),
            FrameLayout(
                "b",
                (
                    _RINSTRUM_SIGN,
                    Number("weight", 7),
                    Code(1, _RINSTRUM_SHOWN),
                    Code(1, {b"M": {"stable": False}, b" ": {"stable": True}}),
                    Code(1, {b"Z": {"zero": True}, b" ": {}}),
                    Text("range", 1, "[-12]", usual="-"),
                    Code(
                        3,
                        {b" kg": {"unit": "kg"}, b"  t": {"unit": "t"}, b"  g": {"unit": "g"}, b" lb": {"unit": "lb"},
                         b"   ": {"unit": None}},
                    ),
                ),
            ),
        ),
        longest=24,
    ),
    talks="b",
)  # fmt: skip

PROTOCOLS: Mapping[str, IndicatorProtocol] = {p.name: p for p in (MT_CONTINUOUS, SMA, DINI_ARGEO, SYSTEC, RINSTRUM)}


# --- what a frame stands for ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WeightReading:
    """What an indicator says at one moment. ``gross_kg``: None where it gives no gross weight by itself (it shows a net
    weight, or has a ``fault``): none is ever computed from others. ``date``: the instrument's own, where it has one.
    """

    at: datetime
    raw: bytes
    gross_kg: float | None = None
    net_kg: float | None = None
    tare_kg: float | None = None
    stable: bool = False
    fault: str | None = None
    alibi: str | None = None
    scale: str | None = None
    date: date | None = None

    @property
    def raw_text(self) -> str:
        """The frame as facts keep it: printable characters as they are, others as ``\\xNN``."""
        return self.raw.decode("latin-1").encode("unicode_escape").decode("ascii")


@dataclass
class FrameInterpreter:
    """Readings out of a line's frames. ``unit``: of frames that name none (Rinstrum A; B in motion, until it says one).

    ``dummy_zeros``: whether the six digits of an MT frame whose last place is tens or hundreds hold the zeros that are
    only painted on the display. Makers differ and do not say: None refuses such frames until somebody has compared one
    with the display. ``date_format``: SysTec's, as set at the instrument.
    """

    unit: str = "kg"
    dummy_zeros: bool | None = None
    date_format: str = "%d.%m.%y"
    _said: str | None = field(default=None)

    def reading(self, frame: DecodedFrame, at: datetime) -> WeightReading | None:
        """None for a frame that speaks of no weight (an answer about the instrument)."""
        values = dict(frame.values)
        if frame.layout in ("unknown_command", "diagnostic", "about"):
            return None
        fault = values.get("fault")
        number = values.get("code", "00")
        if number != "00" or frame.layout == "error":
            fault = f"error {number}"
        if values.get("expanded"):
            fault = fault or "expanded"  # ten times finer: which digits were moved, the makers do not say
        unit = values.get("unit") or self._said or self.unit
        self._said = values.get("unit") or self._said
        weights = self._weights(values, unit)
        if values.get("decimals", 0) < 0 and self.dummy_zeros is None:
            fault = fault or "dummy_zeros"
        if not fault and not weights.keys() & {"gross", "net"}:
            fault = "no_weight"
        if fault:
            weights = {}
        alibi = values.get("alibi")
        return WeightReading(
            at=at,
            raw=frame.raw,
            gross_kg=weights.get("gross"),
            net_kg=weights.get("net"),
            tare_kg=weights.get("tare"),
            stable=bool(values.get("stable", True)) and not fault,
            fault=fault,
            alibi=alibi if alibi not in (None, "", "0") else None,
            scale=values.get("scale") or None,
            date=self._date(values.get("date")),
        )

    def _weights(self, values: Values, unit: str) -> dict[str, float]:
        factor = KG_PER[unit]
        if self.dummy_zeros is False and values.get("decimals", 0) < 0:
            factor = factor.scaleb(-values["decimals"])
        found = {name: values[name] for name in ("gross", "net", "tare") if values.get(name) is not None}
        if values.get("weight") is not None:
            # Rinstrum A in motion does not say which it shows: good enough to see that a truck is there
            found[values.get("shown") or "gross"] = values["weight"]
        return {name: float(value * factor) for name, value in found.items()}

    def _date(self, text: str | None) -> date | None:
        if not text:
            return None
        try:
            return datetime.strptime(text, self.date_format).date()  # noqa: DTZ007 - the instrument's local day
        except ValueError:
            return None
