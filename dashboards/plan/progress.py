"""What the planner reads while a plan is made: the step under way, the best cost so far, the seconds left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from dashboards.shared import catalogue_text, format_number

ON_TERMINAL_EVERY_S, ELSEWHERE_EVERY_S = 0.5, 5.0


class ProgressReporter:
    """Reports on stderr what is being done: one line that rewrites itself on a terminal, a line every 5 s elsewhere."""

    def __init__(self, lang: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.lang = lang
        self.clock = clock
        self.began_s = clock()
        self._last_s = -10.0
        self._stream = sys.stderr
        self._on_terminal = self._stream.isatty()

    @property
    def elapsed_s(self) -> float:
        """Since the reporter was made."""
        return self.clock() - self.began_s

    def step(self, name: str) -> None:
        """A step of the preparation begins: one of the words of ``Town.prepare``."""
        self._show(f"[{self.elapsed_s:5.1f} s] {catalogue_text(f'step_{name}', self.lang)} …", always=True)

    def note(self, sentence: str) -> None:
        """A line that stays."""
        self.clear()
        print(f"ripeur: {sentence}", file=self._stream, flush=True)

    def search(self, phase: str, best_eur: float | None, left_s: float) -> None:
        """How the search goes. ``phase``: one of the words of ``optimizer.search.engines``."""
        left, step = format_number(max(0.0, left_s), self.lang), catalogue_text(f"step_{phase}", self.lang)
        if phase == "compile":
            state = f"{step} …"
        elif best_eur is None:
            state = catalogue_text("step_left", self.lang, step=step, left=left)
        else:
            state = catalogue_text("step_best", self.lang, step=step, left=left, eur=format_number(best_eur, self.lang))
        self._show(f"[{self.elapsed_s:5.1f} s] {state}", always=False)

    def clear(self) -> None:
        """Take the line that rewrites itself away."""
        if self._on_terminal:
            print("\r\x1b[K", end="", file=self._stream, flush=True)

    def _show(self, line: str, always: bool) -> None:
        every_s = ON_TERMINAL_EVERY_S if self._on_terminal else ELSEWHERE_EVERY_S
        if not (always or self.elapsed_s - self._last_s >= every_s):
            return
        self._last_s = self.elapsed_s
        if self._on_terminal:
            print(f"\r\x1b[K{line}", end="", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)
