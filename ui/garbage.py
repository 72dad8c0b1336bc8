"""Garbage is collected on the window's thread, and on no other.

Python collects in whatever thread comes to need it. One that reads a file may so delete what Qt is
just drawing with, which ends in a crash without a trace, once in many hours.
"""

from __future__ import annotations

import gc
from typing import Final

from PyQt6.QtCore import QObject, QTimer

INTERVAL_MILLISECONDS: Final = 100


class GarbageCollector(QObject):
    """From when it is made, Python does not collect by itself any more, and this does."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        # What there is by now stays. To go through all of it again and again would take 25 ms each
        # time, in which the window stands still; what comes later takes 2 ms.
        gc.freeze()
        timer = QTimer(self)
        timer.timeout.connect(self.collect)
        timer.start(INTERVAL_MILLISECONDS)

    def collect(self) -> None:
        """The oldest generation whose turn it is, as Python would."""
        counts, most = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > most[generation]:
                gc.collect(generation)
                return
