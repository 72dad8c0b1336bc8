"""Messages that arrive once and in order over a link that loses, doubles and reorders. Pure.

Each side is told the time and what came, and says what to send; sockets are elsewhere.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bridge.protocol import WINDOW

FIRST_REPEAT_SECONDS = 0.05
LONGEST_REPEAT_SECONDS = 1.0
GIVES_UP_SECONDS = 10.0
MOST_WAITING_BYTES = 2 * 2**20

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass
class _Pending:
    datagram: bytes
    first_sent: float
    repeat_at: float
    repeat_seconds: float


class Outgoing:
    """The sending side: numbers messages, and repeats each until it is answered.

    Times are seconds of any one clock that does not go back.
    """

    def __init__(self) -> None:
        self._next_sequence = 1
        self._queue: deque[tuple[int, bytes]] = deque()
        self._pending: OrderedDict[int, _Pending] = OrderedDict()

    def put(self, make: Callable[[int], bytes]) -> int:
        """Queue the datagram that `make` builds for the next number; that number."""
        sequence = self._next_sequence
        self._queue.append((sequence, make(sequence)))
        self._next_sequence += 1
        return sequence

    def due(self, now: float) -> list[bytes]:
        """What to send now, oldest first."""
        datagrams = []
        for pending in self._pending.values():
            if pending.repeat_at <= now:
                datagrams.append(pending.datagram)
                pending.repeat_seconds = min(2 * pending.repeat_seconds, LONGEST_REPEAT_SECONDS)
                pending.repeat_at = now + pending.repeat_seconds
        while self._queue and self._queue[0][0] < self._lowest() + WINDOW:
            sequence, datagram = self._queue.popleft()
            repeat_at = now + FIRST_REPEAT_SECONDS
            self._pending[sequence] = _Pending(datagram, now, repeat_at, FIRST_REPEAT_SECONDS)
            datagrams.append(datagram)
        return datagrams

    def settle(self, sequence: int) -> bool:
        """An answer to `sequence` came; whether it is the first."""
        return self._pending.pop(sequence, None) is not None

    def lost(self, now: float) -> bool:
        """Whether the oldest message was repeated for so long that nobody seems to listen."""
        oldest = next(iter(self._pending.values()), None)
        return oldest is not None and now - oldest.first_sent > GIVES_UP_SECONDS

    @property
    def unanswered(self) -> int:
        return len(self._pending) + len(self._queue)

    def _lowest(self) -> int:
        return next(iter(self._pending), self._queue[0][0] if self._queue else 0)


class Incoming(Generic[Item, Answer]):
    """The receiving side, for one sender: each number once, in order, and its answer kept."""

    def __init__(self) -> None:
        self._expected = 1
        self._waiting: dict[int, tuple[Item, int]] = {}
        self._waiting_bytes = 0
        self._answers: OrderedDict[int, Answer] = OrderedDict()

    def has_acted(self, sequence: int) -> bool:
        return sequence < self._expected

    def offer(self, sequence: int, item: Item, size_bytes: int) -> bool:
        """Take a message in; whether it is wanted: neither known nor too far ahead.

        What lies ahead waits for those before it, up to WINDOW of them and MOST_WAITING_BYTES.
        """
        if not self._expected <= sequence < self._expected + WINDOW or sequence in self._waiting:
            return False
        # The next one is always taken, since the others wait for it.
        if sequence > self._expected and self._waiting_bytes + size_bytes > MOST_WAITING_BYTES:
            return False
        self._waiting[sequence] = (item, size_bytes)
        self._waiting_bytes += size_bytes
        return True

    def take(self) -> tuple[int, Item] | None:
        """The next message in order, if it is here. It must act, and then be `answered`."""
        if self._expected not in self._waiting:
            return None
        sequence = self._expected
        item, size_bytes = self._waiting.pop(sequence)
        self._waiting_bytes -= size_bytes
        self._expected += 1
        return sequence, item

    def answered(self, sequence: int, answer: Answer) -> None:
        """Keep the answer, for repetitions; a sender has no more than WINDOW unanswered."""
        self._answers[sequence] = answer
        if len(self._answers) > WINDOW:
            self._answers.popitem(last=False)

    def answer_to(self, sequence: int) -> Answer | None:
        """The answer that was given to a number; None where none was, or too long ago."""
        return self._answers.get(sequence)
