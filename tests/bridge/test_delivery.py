"""Numbers, repetitions and order, without sockets."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bridge.delivery import (
    FIRST_REPEAT_SECONDS,
    GIVES_UP_SECONDS,
    MOST_WAITING_BYTES,
    Incoming,
    Outgoing,
)
from bridge.protocol import WINDOW


def put(outgoing: Outgoing, count: int) -> None:
    for _ in range(count):
        outgoing.put(lambda sequence: b"%d" % sequence)


def test_a_message_is_repeated_ever_more_slowly_until_it_is_answered():
    outgoing = Outgoing()
    put(outgoing, 1)
    times = [ms / 1_000 for ms in range(3_000) if outgoing.due(ms / 1_000)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.0], abs=0.002)
    assert outgoing.settle(1)
    assert not outgoing.settle(1)
    assert outgoing.due(100.0) == []
    assert outgoing.unanswered == 0


def test_no_more_than_a_window_is_on_the_way():
    outgoing = Outgoing()
    put(outgoing, WINDOW + 10)
    assert outgoing.due(0.0) == [b"%d" % n for n in range(1, WINDOW + 1)]
    outgoing.settle(5)
    assert outgoing.due(0.0) == [], "the receiver would not take what is a window after the first"
    outgoing.settle(1)
    outgoing.settle(2)
    assert outgoing.due(0.0) == [b"%d" % (WINDOW + 1), b"%d" % (WINDOW + 2)]
    assert outgoing.unanswered == WINDOW + 7


def test_a_sender_gives_up_on_who_never_answers():
    outgoing = Outgoing()
    put(outgoing, 2)
    assert not outgoing.lost(1_000.0), "nothing was sent"
    outgoing.due(0.0)
    assert not outgoing.lost(GIVES_UP_SECONDS)
    assert outgoing.lost(GIVES_UP_SECONDS + FIRST_REPEAT_SECONDS)
    outgoing.settle(1)
    outgoing.settle(2)
    assert not outgoing.lost(1_000.0)


def test_messages_are_taken_once_and_in_order():
    incoming: Incoming[str, str] = Incoming()
    for sequence in (3, 2, 3, 2):
        incoming.offer(sequence, f"m{sequence}", 10)
        assert incoming.take() is None
    assert incoming.offer(1, "m1", 10)
    assert [incoming.take(), incoming.take(), incoming.take(), incoming.take()] == [
        (1, "m1"),
        (2, "m2"),
        (3, "m3"),
        None,
    ]
    assert not incoming.offer(2, "m2", 10)
    assert incoming.take() is None
    assert incoming.has_acted(3)
    assert not incoming.has_acted(4)


def test_what_waits_is_bounded_in_number_and_bytes():
    incoming: Incoming[str, str] = Incoming()
    assert not incoming.offer(0, "", 10)
    assert not incoming.offer(WINDOW + 1, "", 10)
    assert incoming.offer(WINDOW, "", 10)
    assert incoming.offer(2, "", MOST_WAITING_BYTES - 10)
    assert not incoming.offer(3, "", 1)
    assert incoming.offer(1, "", MOST_WAITING_BYTES), "the others wait for it"
    assert incoming.take() == (1, "")
    assert incoming.take() == (2, "")
    assert incoming.offer(3, "", 1), "there is room again"


def test_answers_are_kept_for_as_long_as_they_may_be_asked_for():
    incoming: Incoming[str, str] = Incoming()
    for sequence in range(1, WINDOW + 2):
        incoming.offer(sequence, "", 1)
        incoming.take()
        incoming.answered(sequence, f"a{sequence}")
    assert incoming.answer_to(1) is None
    assert incoming.answer_to(2) == "a2"
    assert incoming.answer_to(WINDOW + 1) == f"a{WINDOW + 1}"
