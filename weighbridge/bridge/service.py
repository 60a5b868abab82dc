"""A weighbridge put together and run: register, indicator, tag reader, operator's socket, sender, one outbox."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from onboard.clock import Clock
from onboard.outbox import DepotClient, Outbox, drain
from onboard.private import private_folder
from onboard.worker import Worker, stop_on_signals
from weighbridge.bridge.agent import BridgeAgent, BridgeFiles, Notify
from weighbridge.bridge.bridge import BridgeSettings
from weighbridge.bridge.plate import KnownTruck
from weighbridge.bridge.register import Register
from weighbridge.bridge.weighing import Weighbridge
from weighbridge.indicator import IndicatorLine

#: After SIGTERM the process is gone at the latest, whatever hangs.
_END_S = 9.0


@dataclass(frozen=True, slots=True)
class BridgeInputs:
    """What a bridge is run with. ``tags``: a tag reader at the platform, as ``--lifts`` names one; ``depot``: where
    facts go, None: they wait in the outbox. ``language``: of the tickets."""

    settings: BridgeSettings
    files: BridgeFiles
    trucks: Mapping[str, KnownTruck] = field(default_factory=dict)
    tags: str | None = None
    depot: DepotClient | None = None
    language: str = "fr"


def run_bridge(inputs: BridgeInputs, line: IndicatorLine, clock: Clock, notify: Notify) -> None:
    """Weigh until SIGTERM or SIGINT. ``notify`` is given what the operator should read.

    Raises ``ValueError`` for tags that cannot be meant, ``OSError`` where the bridge's folder cannot be used.
    """
    files, settings = inputs.files, inputs.settings
    private_folder(files.folder)
    outbox = Outbox(files.outbox)
    agent = BridgeAgent(
        weighbridge=Weighbridge(settings, Register(files.register, settings.site, outbox), inputs.trucks),
        indicator=line,
        outbox=outbox,
        clock=clock,
        files=files,
        notify=notify,
        language=inputs.language,
    )
    agent.workers = _workers(agent, inputs)
    for worker in agent.workers:
        worker.start()
    notify(f"weighbridge {settings.site}: {line.protocol.name} on {line.port}, kept in {files.folder}")
    try:
        with stop_on_signals(agent.stop, _END_S, signal.SIGTERM, signal.SIGINT):
            agent.run()
    finally:
        agent.stop.set()
        line.close()
        with suppress(FileNotFoundError):
            files.socket.unlink()


def _workers(agent: BridgeAgent, inputs: BridgeInputs) -> list[Worker]:
    """What runs beside the reading of the indicator, each in a thread of its own."""
    workers = [Worker("door", agent.serve_operator, agent.stop)]
    if inputs.tags:
        from onboard.sensors.lifts import open_lifts

        tags = open_lifts(inputs.tags, agent.clock)
        workers.append(Worker("tags", lambda: agent.watch_tags(tags.readings()), agent.stop))
    if inputs.depot is not None:
        send = partial(drain, agent.outbox, inputs.depot, agent.clock, stop=agent.stop)
        workers.append(Worker("sender", send, agent.stop))
    return workers
