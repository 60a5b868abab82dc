"""Weighing a truck: stillness, who stands on the plate, gross in and tare out, and everything that goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet import Ticket
from weighbridge.bridge.bridge import BridgeSettings
from weighbridge.bridge.plate import Identification, KnownTruck, trucks_of
from weighbridge.bridge.register import Register
from weighbridge.bridge.weighing import Weighbridge
from weighbridge.indicator.protocols import WeightReading

START = datetime(2026, 11, 23, 6, tzinfo=UTC)
TRUCKS = {
    "T1": KnownTruck("T1", "AB-123-CD", 12000, 7000, "250-1"),
    "T2": KnownTruck("T2", "EF-456-GH", 12000, 7000, "250-2"),
}


class Yard:
    """A bridge with somebody who drives trucks over it, in a time of its own."""

    def __init__(self, folder: Path, **how: object) -> None:
        self.folder, self.how, self.now = folder, how, START
        self.alibi = 0
        self.open()

    def open(self) -> None:
        """(Again) after a power cut: nothing is left but the disk."""
        self.register = Register(self.folder / "register.db", "S1")
        self.bridge = Weighbridge(BridgeSettings("S1", "IT1", **self.how), self.register, TRUCKS)  # type: ignore[arg-type]

    def hear(
        self, kg: float, seconds: float = 4, stable: bool = True, take: bool = True, **more: object
    ) -> Ticket | None:
        """The indicator shows ``kg`` for so long; a weighing is taken as soon as one is due."""
        for _ in range(int(seconds * 2)):
            self.now += timedelta(seconds=0.5)
            reading = WeightReading(self.now, b"raw", kg, None, 0.0, stable, **more)  # type: ignore[arg-type]
            self.bridge.heard(reading)
            if self.bridge.ready and take:
                self.alibi += 1
                return self.bridge.weighed(
                    WeightReading(self.now, b"<%d>" % self.alibi, kg, None, 0.0, True, None, str(self.alibi))
                )
        return None

    def say(self, truck: str | None = None, source: str = "announced", **more: str) -> None:
        self.bridge.name(Identification(source, self.now, truck, **more))

    def cross(self, truck: str, kg: float) -> Ticket | None:
        self.say(truck)
        ticket = self.hear(kg)
        self.hear(0, 2)
        return ticket


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_gross_in_and_tare_out_make_a_ticket_that_rests_on_two_legal_weighings(yard: Yard) -> None:
    yard.say("T1", product="OM")
    assert yard.hear(17460) is None
    yard.hear(0, 600)
    ticket = yard.cross("T1", 12340)
    assert ticket is not None
    assert (ticket.gross_kg, ticket.tare_kg, ticket.net_kg, ticket.tare_source) == (17460, 12340, 5120, "weighed")
    assert (ticket.truck, ticket.plate, ticket.product) == ("T1", "AB-123-CD", "OM")
    gross, tare = yard.register.weighing(ticket.gross_weighing), yard.register.weighing(ticket.tare_weighing)
    assert gross is not None
    assert tare is not None
    assert (gross.kg, gross.alibi, gross.raw, tare.kg, tare.alibi) == (17460, "1", "<1>", 12340, "2")
    assert ticket.in_at == gross.at < ticket.at == tare.at
    assert yard.register.open_loads() == []


def test_nothing_is_weighed_while_the_plate_moves(yard: Yard) -> None:
    yard.say("T1")
    yard.hear(15000, 10, stable=False)
    for kg in (15000, 15200, 15060, 15140, 15100):  # stable by the indicator's word, but not staying
        yard.hear(kg, 1.5)
    assert yard.register.weighings() == []
    yard.hear(15100)
    assert [w.kg for w in yard.register.weighings()] == [15100]


def test_a_truck_is_weighed_once_however_long_it_stands(yard: Yard) -> None:
    yard.say("T1")
    yard.hear(15100)
    yard.say("T1")
    yard.hear(15100, 60)
    yard.hear(15080, 60)
    assert len(yard.register.weighings()) == 1


def test_a_truck_that_nobody_named_is_asked_for(yard: Yard) -> None:
    yard.hear(15100)
    assert yard.bridge.says == "who"
    assert yard.register.weighings() == []
    yard.say(plate="ab 123 cd", source="typed")
    yard.hear(15100)
    assert [w.truck for w in yard.register.weighings()] == ["T1"]


def test_a_tag_goes_before_an_announcement_and_what_is_typed_before_both(yard: Yard) -> None:
    yard.say("T1")
    yard.say("T2", "tag")
    yard.hear(15100)
    assert yard.register.weighings()[-1].truck == "T2"
    yard.hear(0, 2)
    yard.say("T2", "tag")
    yard.say(plate="ZZ-1", source="typed")
    yard.hear(15100)
    assert (yard.register.weighings()[-1].truck, yard.register.weighings()[-1].plate) == (None, "ZZ-1")


def test_of_several_announced_trucks_none_is_guessed(yard: Yard) -> None:
    yard.say("T1")
    yard.say("T2")
    yard.hear(15100)
    assert yard.bridge.says == "several_announced"
    yard.say("T2", "typed")
    yard.hear(15100)
    yard.hear(0, 2)
    yard.hear(15300)  # now only T1 is announced
    assert [w.truck for w in yard.register.weighings()] == ["T2", "T1"]


def test_an_announcement_expires(yard: Yard) -> None:
    yard.say("T1")
    yard.now += timedelta(hours=2)
    yard.hear(15100)
    assert yard.bridge.says == "who"


@pytest.mark.parametrize(
    ("kg", "says"), [(33_000, "too_heavy"), (61_000, "over_capacity"), (6_000, "too_light")]
)  # fmt: skip
def test_a_weight_that_cannot_be_one_truck_s_is_refused_and_said(yard: Yard, kg: float, says: str) -> None:
    yard.say("T1")
    yard.hear(kg)
    assert yard.bridge.says == says
    assert yard.register.weighings() == []


def test_two_tags_on_one_plate_are_two_trucks(yard: Yard) -> None:
    yard.say("T1", "tag")
    yard.say("T2", "tag")
    yard.hear(17000)
    assert yard.bridge.says == "two_trucks"
    assert yard.register.weighings() == []


def test_a_second_truck_that_comes_on_is_seen_even_where_no_truck_s_weight_is_known(yard: Yard) -> None:
    yard.say(plate="UNKNOWN1", source="typed")
    yard.hear(9000, 4, take=False)
    yard.hear(18000)
    assert yard.bridge.says == "two_trucks"
    assert yard.register.weighings() == []
    yard.hear(9000)  # one left: which?
    assert yard.bridge.says == "who"
    yard.say(plate="UNKNOWN2", source="typed")
    yard.hear(9000)
    assert [w.plate for w in yard.register.weighings()] == ["UNKNOWN2"]


def test_a_truck_that_follows_without_the_plate_being_empty_is_weighed_for_itself(yard: Yard) -> None:
    yard.say("T1", "typed")
    yard.hear(17000)
    yard.hear(30000)  # T2 on beside T1, already weighed
    assert yard.bridge.says == "two_trucks"
    yard.hear(13000)
    assert yard.bridge.says == "who"
    yard.say("T2", "typed")
    yard.hear(13000)
    assert [(w.truck, w.kg) for w in yard.register.weighings()] == [("T1", 17000), ("T2", 13000)]


def test_the_operator_may_accept_what_the_papers_do_not(yard: Yard) -> None:
    yard.say("T1")
    yard.hear(22_000)
    assert yard.bridge.says == "too_heavy"
    with pytest.raises(ValueError, match="reason is empty"):
        yard.bridge.accept(" ")
    yard.bridge.accept("wet load, seen alone on the plate")
    yard.hear(22_000)
    yard.hear(0, 2)
    ticket = yard.cross("T1", 12_000)
    assert ticket is not None
    assert ticket.reason == "wet load, seen alone on the plate"


def test_a_truck_that_leaves_without_its_second_weighing_stays_open(yard: Yard) -> None:
    yard.cross("T1", 17000)
    yard.now += timedelta(hours=5)
    status = yard.bridge.status(yard.now)
    assert [(load["truck"], load["left"]) for load in status["open"]] == [("T1", True)]
    assert yard.bridge.tick(yard.now) == []
    assert yard.cross("T1", 16500) is None  # its next load, not the tare of the first
    assert len(yard.register.open_loads()) == 2
    ticket = yard.cross("T1", 12000)
    assert ticket is not None
    assert ticket.gross_kg == 16500


def test_an_open_load_closes_with_a_known_tare_where_that_is_allowed(tmp_path: Path) -> None:
    yard = Yard(tmp_path, stored_tares=True)
    yard.cross("T1", 17000)
    yard.cross("T1", 12000)  # leaves its tare
    yard.cross("T1", 16000)
    assert yard.bridge.tick(yard.now) == []  # it may still come back
    yard.now += timedelta(hours=5)
    (ticket,) = yard.bridge.tick(yard.now)
    assert (ticket.net_kg, ticket.tare_kg, ticket.tare_source) == (4000, 12000, "stored")
    assert yard.register.weighing(ticket.tare_weighing) is not None
    assert yard.register.open_loads() == []


def test_an_expired_tare_closes_nothing(tmp_path: Path) -> None:
    yard = Yard(tmp_path, stored_tares=True, tare_days=30)
    yard.cross("T1", 17000)
    yard.cross("T1", 12000)
    yard.now += timedelta(days=31)
    yard.cross("T1", 16000)
    yard.now += timedelta(hours=5)
    assert yard.bridge.tick(yard.now) == []
    with pytest.raises(ValueError, match="no stored tare that is valid"):
        yard.bridge.close("T1", yard.now)
    assert [load.kg for load in yard.register.open_loads()] == [16000]


def test_a_tare_from_the_papers_is_said_to_be_one(yard: Yard) -> None:
    yard.bridge.tare("T2", 12100, yard.now)
    yard.cross("T2", 15100)
    ticket = yard.bridge.close("T2", yard.now)
    assert (ticket.net_kg, ticket.tare_source, ticket.tare_weighing) == (3000, "typed", None)


def test_a_truck_that_is_heavier_going_out_closes_nothing(yard: Yard) -> None:
    yard.cross("T1", 13000)
    assert yard.cross("T1", 17000) is None
    assert [load.kg for load in yard.register.open_loads()] == [13000, 17000]


def test_a_correction_is_a_new_ticket_that_points_at_the_old_and_leaves_the_weighings(yard: Yard) -> None:
    yard.cross("T1", 17000)
    old = yard.cross("T1", 12000)
    assert old is not None
    weighings = yard.register.weighings()
    new = yard.bridge.correct("1", "it was T2", yard.now, truck="T2", plate="EF-456-GH")
    assert (new.corrects, new.reason, new.truck, new.net_kg, new.at) == (old.id, "it was T2", "T2", 5000, old.at)
    assert new.number.endswith("000002")
    assert yard.register.ticket("1") == old
    assert yard.register.weighings() == weighings
    with pytest.raises(ValueError, match="was replaced by"):
        yard.bridge.correct("1", "again", yard.now)
    with pytest.raises(ValueError, match="reason is empty"):
        yard.bridge.correct("2", " ", yard.now)
    tare = yard.bridge.correct("2", "a loader stood on the plate", yard.now, tare_kg=11900)
    assert (tare.net_kg, tare.tare_source, tare.tare_weighing, tare.gross_weighing) == (
        5100, "operator", None, old.gross_weighing,
    )  # fmt: skip
    void = yard.bridge.correct("3", "not our load", yard.now, void=True)
    assert (void.net_kg, void.gross_kg, void.tare_kg) == (0, None, None)


def test_a_drifting_zero_is_said_once_and_no_weight_is_corrected_for_it(yard: Yard) -> None:
    yard.hear(80, 50)
    assert yard.bridge.says is None
    yard.hear(80, 30)
    assert yard.bridge.says == "zero_drift"
    yard.hear(80, 300)
    notes = [b for (b,) in yard.register._db.execute("SELECT body FROM facts") if '"health"' in b]
    assert len(notes) == 1
    yard.say("T1")
    yard.hear(15100)
    assert [w.kg for w in yard.register.weighings()] == [15100]
    yard.hear(240, 90)
    yard.say("T1")
    yard.hear(12100)
    assert yard.bridge.says == "zero_drift"  # too far off to weigh at all
    assert len(yard.register.weighings()) == 1


@pytest.mark.parametrize("fault", ["over", "never_zeroed", "dummy_zeros"])
def test_a_reading_with_a_fault_weighs_nothing(yard: Yard, fault: str) -> None:
    yard.say("T1")
    yard.hear(15100, 10, fault=fault)
    assert yard.bridge.says == fault
    assert yard.register.weighings() == []


def test_a_net_weight_is_not_taken_for_a_gross_one(yard: Yard) -> None:
    yard.say("T1")
    for _ in range(20):
        yard.now += timedelta(seconds=0.5)
        yard.bridge.heard(WeightReading(yard.now, b"", None, 3100, 12000, True))
    assert yard.bridge.says == "net_shown"
    assert yard.register.weighings() == []


def test_a_legal_weighing_of_something_else_is_not_taken(yard: Yard) -> None:
    yard.say("T1")
    yard.hear(15100, 4, take=False)
    assert yard.bridge.ready
    yard.bridge.weighed(WeightReading(yard.now, b"<1>", 9000, None, 0.0, True, None, "1"))
    assert yard.register.weighings() == []
    assert not yard.bridge.ready


@pytest.mark.parametrize("cut", ["before", "weighed", "between", "other_truck"])
def test_a_power_cut_neither_weighs_a_truck_twice_nor_forgets_it(yard: Yard, cut: Callable[..., object] | str) -> None:
    yard.say("T1")
    if cut == "before":
        yard.hear(17000, 2, take=False)
        yard.open()
    yard.hear(17000)
    if cut == "weighed":
        yard.open()
        yard.say("T2")  # the next in the queue must not get this weight
        yard.hear(17000, 30)
        assert len(yard.register.weighings()) == 1
        yard.hear(0, 2)
        yard.hear(15000)
        assert yard.register.weighings()[-1].truck == "T2"
    if cut == "other_truck":  # T1 drove off and T2 on while there was no power
        yard.open()
        yard.say("T2", "typed")
        yard.hear(15000)
        assert [(w.truck, w.kg) for w in yard.register.weighings()] == [("T1", 17000), ("T2", 15000)]
    yard.hear(0, 2)
    if cut == "between":
        yard.open()
    ticket = yard.cross("T1", 12000)
    assert ticket is not None
    assert ticket.net_kg == 5000


def test_trucks_are_read_from_the_area(tmp_path: Path) -> None:
    path = tmp_path / "area.toml"
    path.write_text(
        '[[trucks]]\nid = "T1"\nplate = "AB-123-CD"\nkerb_kg = 12000\npayload_kg = 7000\n', encoding="utf-8"
    )
    assert trucks_of(path) == {"T1": KnownTruck("T1", "AB-123-CD", 12000, 7000)}
    for content, said in (
        ("[[trucks]]\nplate = 1\n", r"\[\[trucks\]\] 1: id is missing"),
        ('[[trucks]]\nid = "T1"\nplate = 1\n', "truck T1: plate = 1, must be text"),
        ('[[trucks]]\nid = "T1"\nkerb_kg = 0\n', "truck T1: kerb_kg = 0, must be above 0"),
        ("trucks = 3\n", "trucks = 3, must be tables"),
        ("[[trucks\n", "cannot be read as TOML"),
    ):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=f"area.toml: {said}"):
            trucks_of(path)


def test_a_bridge_that_cannot_be_right_is_said() -> None:
    with pytest.raises(ValueError, match="must rise"):
        BridgeSettings("S1", empty_kg=5000)
    with pytest.raises(ValueError, match="tz database"):
        BridgeSettings("S1", timezone="Mars/Phobos")
