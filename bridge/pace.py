"""How many messages one sender may send: a token bucket for each. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from bridge.protocol import BURST, MESSAGES_PER_SECOND

MOST_SENDERS = 1_024


@dataclass
class _Bucket:
    left: float
    filled_at: float


class Pace:
    """Lets through `burst` messages at once, then `per_second`, for each key.

    Of the keys it remembers the newest only, so that it cannot be made to grow; who is forgotten
    starts with a full bucket.
    """

    def __init__(
        self,
        burst: int = BURST,
        per_second: float = MESSAGES_PER_SECOND,
        most_keys: int = MOST_SENDERS,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._most_keys = most_keys
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def allows(self, key: Hashable, now: float) -> bool:
        """Count a message. now: seconds of a clock that does not go back."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > self._most_keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        gained = (now - bucket.filled_at) * self._per_second
        bucket.left = min(self._burst, bucket.left + gained)
        bucket.filled_at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True
