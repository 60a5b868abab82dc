"""A weighbridge's indicator on its line: readings as they come, and legal weighings when they are asked for.

Continuous protocols are listened to; SMA and SysTec are asked. A line that is lost comes back by itself
(``onboard/sensors/serial_line.py``); meanwhile there are no readings, and ``why`` says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from onboard.clock import Clock
from onboard.sensors.serial_line import SerialLine, SerialSettings
from weighbridge.indicator.decoder import IndicatorDecoder
from weighbridge.indicator.protocols import PROTOCOLS, FrameInterpreter, IndicatorProtocol, WeightReading

#: A pause between two questions; indicators answer in some 100 ms.
POLL_S = 0.3
#: Without an answer for so long, the question is asked again.
ANSWER_S = 1.5


def indicator_of(name: str) -> IndicatorProtocol:
    """Raises ``ValueError`` for a protocol that is not spoken here."""
    if name not in PROTOCOLS:
        raise ValueError(f"protocol = {name!r}, must be one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


class IndicatorLine:
    """An indicator that speaks ``protocol`` on ``port``. For one thread.

    ``damaged``: frames that could not be read since the start.
    """

    def __init__(
        self,
        protocol: IndicatorProtocol,
        port: str,
        settings: SerialSettings | None,
        clock: Clock,
        interpreter: FrameInterpreter | None = None,
    ) -> None:
        self.protocol, self.port, self._clock = protocol, port, clock
        self._interpreter = interpreter or FrameInterpreter()
        self._line = SerialLine(port, settings or SerialSettings(baud=protocol.baud), wait_s=POLL_S)
        self._decoder = IndicatorDecoder(protocol.format)
        self._ended = False

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    @property
    def opened(self) -> int:
        """How often the line was opened."""
        return self._line.opened

    @property
    def why(self) -> str | None:
        """Why the line is lost, or None."""
        return self._line.why if self._line.state == "lost" else None

    def readings(self) -> Iterator[WeightReading | None]:
        """Until ``close``: what the indicator says; None whenever it has said nothing for a while."""
        while not self._ended:
            if self.protocol.watch is None:
                yield from self._heard(self._line.read()) or [None]
            else:
                yield self._answer(self.protocol.watch)

    def weigh(self) -> WeightReading | None:
        """A legal weighing kept in the indicator's alibi memory; None where it gave none, or has none to give."""
        if self.protocol.weigh is None:
            return None
        while self._line.read():  # an answer to an earlier question that came late must not pass for this one's
            pass
        self._decoder.silence()
        return self._answer(self.protocol.weigh)

    def close(self) -> None:
        self._ended = True
        self._line.close()

    def _heard(self, chunk: bytes) -> list[WeightReading | None]:
        frames = self._decoder.feed(chunk) if chunk else self._decoder.silence()
        at = self._clock.now()
        found = (self._interpreter.reading(frame, at) for frame in frames)
        return [reading for reading in found if reading is not None]

    def _answer(self, question: bytes) -> WeightReading | None:
        if not self._line.write(question):
            self._line.read()  # waits, and opens a lost line again
            return None
        silent_s = 0.0
        while silent_s < ANSWER_S and not self._ended:
            chunk = self._line.read()  # at 9600 baud an answer comes in pieces
            silent_s = 0.0 if chunk else silent_s + POLL_S
            found = self._heard(chunk) if chunk else []
            if found:
                return found[-1]
        self._decoder.silence()
        return None
