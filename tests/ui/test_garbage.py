"""Garbage is collected on the window's thread, and on no other."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from ui.garbage import GarbageCollector

MANY = 2 * gc.get_threshold()[0]


class Ring:
    """What only the collector frees; it notes in which thread."""

    def __init__(self, freed_in: list[int]) -> None:
        self.self = self
        self.freed_in = freed_in

    def __del__(self) -> None:
        self.freed_in.append(threading.get_ident())


@pytest.fixture
def collector(qtbot: QtBot) -> Iterator[GarbageCollector]:
    made = GarbageCollector()
    yield made
    made.deleteLater()
    gc.unfreeze()
    gc.enable()


def test_a_thread_that_needs_room_frees_nothing_of_the_windows(
    collector: GarbageCollector, qtbot: QtBot
) -> None:
    freed_in: list[int] = []

    def leave_rings() -> None:
        for _ in range(MANY):
            Ring(freed_in)

    thread = threading.Thread(target=leave_rings)
    thread.start()
    thread.join()
    assert not freed_in
    # More all the while: what else is freed meanwhile puts a collection off.
    qtbot.waitUntil(lambda: bool(leave_rings() or freed_in), timeout=20_000)
    assert set(freed_in) == {threading.get_ident()}


def test_older_generations_have_their_turn(collector: GarbageCollector) -> None:
    freed_in: list[int] = []
    ring = Ring(freed_in)
    gc.collect(0)
    gc.collect(1)
    del ring  # which is in the oldest generation by now
    others: list[int] = []
    for _ in range(200):  # a young generation's turn comes 100 times as often
        for _ in range(MANY):
            Ring(others)
        collector.collect()
        others.clear()
    assert freed_in == [threading.get_ident()]
