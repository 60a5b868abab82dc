"""The vehicle's bus: positions and scales of FMS, over a virtual bus and a recording, never a word sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboard.sensors.readings import LoadReading, VehicleReading
from onboard.sensors.vehicle_bus import (
    CCVS,
    CVW,
    HOURS,
    HRLFC,
    LFC,
    PTODE,
    SIGNALS,
    TCO1,
    VDHR,
    VW,
    BusSource,
    SignalState,
    VehicleBus,
    bus_source,
    group_of,
    message_of,
    open_vehicle_bus,
)

from .clocks import ToldClock


def raw(group: int, data: str) -> can.Message:
    return can.Message(arbitration_id=0x18000000 | group << 8 | 0x17, data=bytes.fromhex(data), is_extended_id=True)


def test_each_value_stands_where_fms_puts_it() -> None:
    """Bytes written out by hand after the table of FMS-Standard positions."""
    dashboard = SignalState()
    for message in (
        raw(CCVS, "FF 00 24 FF FF FF 05 FF"),  # 24h.00h / 256 = 36 km/h; PTO state 5
        raw(VDHR, "40 0D 03 00 FF FF FF FF"),  # 200,000 x 5 m
        raw(LFC, "FF FF FF FF 10 27 00 00"),  # 10,000 x 0.5 l
        raw(HOURS, "E8 03 00 00 FF FF FF FF"),  # 1,000 x 0.05 h
        raw(CVW, "B0 04 FF FF FF FF FF FF"),  # 1,200 x 10 kg
    ):
        assert dashboard.hear(message, 0.0) is None
    assert dashboard.seen(1.0) == VehicleReading(10.0, True, 5000.0, 50.0, 1_000_000.0, 12_000.0)


def test_an_axle_says_its_weight_and_which_it_is() -> None:
    assert SignalState().hear(raw(VW, "10 E8 35 FF FF FF FF FF"), 0.0) == LoadReading("axle", 6900.0, axle="axle 2")
    assert SignalState().hear(raw(VW, "10 FF FF FF FF FF FF FF"), 0.0) is None


def test_what_is_not_available_or_in_error_is_unknown_not_zero() -> None:
    dashboard = SignalState()
    for data in ("FF FF FF FF FF FF FF FF", "FF 00 FE FF FF FF 1F FF", "FF 34 FB FF FF FF FF FF"):
        dashboard.hear(raw(CCVS, data), 0.0)
        assert dashboard.seen(0.0) == VehicleReading()
    dashboard.hear(raw(CCVS, "FF 00 00 FF FF FF 00 FF"), 0.0)
    assert dashboard.seen(0.0) == VehicleReading(speed_mps=0.0, pto=False)


def test_the_finer_and_the_newer_message_is_believed_first() -> None:
    dashboard = SignalState()
    for message in (
        message_of(CCVS, {"wheel_speed_mps": 256, "pto_state": 0}),
        message_of(TCO1, {"tachograph_speed_mps": 512}),
        message_of(PTODE, {"pto_engaged": 1}),
        message_of(LFC, {"fuel_l": 10}),
        message_of(HRLFC, {"fine_fuel_l": 5_123}),
    ):
        dashboard.hear(message, 0.0)
    assert dashboard.seen(0.0) == VehicleReading(speed_mps=0.2778, pto=True, fuel_l=5.123)
    dashboard.hear(message_of(PTODE, {"pto_engaged": 2}), 0.0)  # in error: the older message counts
    dashboard.hear(message_of(CCVS, {"pto_state": 0}), 0.0)
    assert dashboard.seen(0.0) == VehicleReading(speed_mps=0.5556, pto=False, fuel_l=5.123)


def test_a_value_not_heard_any_more_becomes_unknown() -> None:
    dashboard = SignalState()
    dashboard.hear(message_of(CCVS, {"wheel_speed_mps": 256, "pto_state": 5}), 0.0)
    dashboard.hear(message_of(HOURS, {"engine_h": 20}), 0.0)
    assert dashboard.seen(6.0) == VehicleReading(engine_h=1.0)
    assert dashboard.seen(61.0) == VehicleReading()


def test_the_group_is_told_from_the_identifier_whatever_the_priority_and_source() -> None:
    assert group_of(0x18FEF117) == CCVS
    assert group_of(0x0CFE6CEE) == TCO1
    assert group_of(0x18EAFF21) == 0xEA00  # a request to all: FFh is the address


@given(st.sampled_from(sorted(SIGNALS)), st.data())
def test_every_value_survives_its_message(name: str, data: st.DataObject) -> None:
    signal = SIGNALS[name]
    high = (1 << signal.bits[1]) - 2 if signal.bits else (0xFB << 8 * (signal.size - 1)) - 1
    steps = data.draw(st.integers(0, high))
    assert signal.read(bytes(message_of(signal.group, {name: steps}).data)) == steps


@given(st.sampled_from(sorted({s.group for s in SIGNALS.values()})), st.binary(max_size=8), st.booleans())
def test_no_message_breaks_the_reader(group: int, data: bytes, extended: bool) -> None:
    identifier = group << 8 if extended else group & 0x7FF
    dashboard = SignalState()
    dashboard.hear(can.Message(arbitration_id=identifier, is_extended_id=extended, data=data), 0.0)
    seen = dashboard.seen(0.0)
    assert seen.speed_mps is None or 0 <= seen.speed_mps < 70
    assert dashboard.damaged in (0, 1)


@pytest.fixture
def truck(request: pytest.FixtureRequest) -> Iterator[can.BusABC]:
    """The other nodes on a virtual bus named after the test."""
    with can.Bus(interface="virtual", channel=request.node.name, receive_own_messages=False) as bus:
        yield bus


class Listening:
    def __init__(self, bus: VehicleBus) -> None:
        self.bus, self.told = bus, []
        self.thread = threading.Thread(target=lambda: self.told.extend(bus.readings()))
        self.thread.start()
        self.wait(lambda: bus.state == "open")

    def wait(self, until: object) -> None:
        for _ in range(1000):
            if until():
                return
            time.sleep(0.005)
        raise AssertionError(self.told)

    def close(self) -> None:
        self.bus.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


def test_a_bus_is_told_every_ten_seconds_and_when_the_pto_changes_and_nothing_is_sent(truck: can.BusABC) -> None:
    clock = ToldClock()
    listening = Listening(VehicleBus(bus_source(f"virtual:{truck.channel_id}"), clock, wait_s=0.01))
    truck.send(message_of(CCVS, {"wheel_speed_mps": 2560, "pto_state": 0}))
    listening.wait(lambda: len(listening.told) == 1)
    clock.gone_s = 3.0
    for _ in range(30):
        truck.send(message_of(CCVS, {"wheel_speed_mps": 2560, "pto_state": 0}))
        truck.send(raw(61444, "FF FF FF 00 20 FF FF FF"))  # engine speed, which nobody asked for
    truck.send(message_of(CCVS, {"wheel_speed_mps": 0, "pto_state": 5}))
    listening.wait(lambda: len(listening.told) == 2)
    clock.gone_s = 13.0
    truck.send(message_of(CCVS, {"wheel_speed_mps": 0, "pto_state": 5}))
    listening.wait(lambda: len(listening.told) == 3)
    listening.close()
    assert listening.told == [
        VehicleReading(speed_mps=2.7778, pto=False),
        VehicleReading(speed_mps=0.0, pto=True),
        VehicleReading(speed_mps=0.0, pto=True),
    ]
    assert truck.recv(0.0) is None


def test_a_bus_that_goes_is_opened_again(truck: can.BusABC) -> None:
    tries = []

    def opened(source: BusSource) -> can.BusABC:
        tries.append(source)
        if len(tries) < 3:
            raise can.CanInitializationError("no such device")
        return can.Bus(interface=source.interface, channel=source.channel)

    listening = Listening(VehicleBus(bus_source(f"virtual:{truck.channel_id}"), ToldClock(), opened, wait_s=0.01))
    assert listening.bus.why == "no such device"
    truck.send(message_of(HOURS, {"engine_h": 20}))
    listening.wait(lambda: listening.told)
    listening.close()
    assert listening.told == [VehicleReading(engine_h=1.0)]
    assert len(tries) == 3


def test_a_recording_is_replayed_at_its_own_pace(tmp_path: Path) -> None:
    path = tmp_path / "morning.asc"
    with can.ASCWriter(path, channel=0) as log:
        for s in range(31):
            message = message_of(CCVS, {"wheel_speed_mps": 256 * s, "pto_state": 5 * (s >= 17)})
            message.timestamp = 1_000.0 + s
            log.on_message_received(message)
    clock = ToldClock()
    told = [
        (round(clock.gone_s), seen.speed_mps, seen.pto) for seen in open_vehicle_bus(f"log:{path}", clock).readings()
    ]
    assert told == [(0, 0.0, False), (10, 2.7778, False), (17, 4.7222, True), (27, 7.5, True)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("can0", "must be written KIND:PORT"),
        ("smoke:can0", "interface = 'smoke'"),
        ("socketcan:can0,every=0.1", "every = 0.1"),
        ("socketcan:can0,bitrate=9", "bitrate = 9"),
        ("socketcan:can0,send=yes", "'send=yes'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        open_vehicle_bus(text, ToldClock())
    assert said in str(caught.value)


def test_a_recording_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_vehicle_bus(f"log:{tmp_path}/none.asc", ToldClock())


def test_the_code_of_the_bus_never_sends() -> None:
    import onboard.sensors.vehicle_bus

    source = Path(onboard.sensors.vehicle_bus.__file__).read_text(encoding="utf-8")
    assert ".send(" not in source
    assert "send_periodic" not in source
