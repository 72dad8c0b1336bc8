"""A style that changes over time, as the timeline shows it: breakpoints and the parts' shares."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

# Two breakpoints cannot stand closer: they could not be told apart, nor have an order.
_LEAST_GAP_SECONDS = 0.01


@dataclass(frozen=True)
class MorphPoint:
    """The weights at a moment, in the order of `Morph.names`; between two they go straight."""

    at_seconds: float
    """From the start of what is made, as in `jukebox_studio.style.StylePoint`."""
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Morph:
    """Who sounds how much, from `start_seconds` of the timeline over `length_seconds`.

    The first point stands at 0 s and stays there.
    """

    start_seconds: float
    length_seconds: float
    names: tuple[str, ...]
    points: tuple[MorphPoint, ...]

    def __post_init__(self) -> None:
        assert len(self.names) >= 2, "one part alone cannot morph"
        assert self.points
        assert self.points[0].at_seconds == 0.0
        assert all(len(point.weights) == len(self.names) for point in self.points)

    def shares_at(self, at_seconds: float) -> tuple[float, ...]:
        """How much of each part there is at a moment; together 1."""
        index = bisect_right(self.points, at_seconds, key=lambda point: point.at_seconds)
        before = self.points[max(0, index - 1)]
        after = self.points[min(index, len(self.points) - 1)]
        span = after.at_seconds - before.at_seconds
        part = min(1.0, max(0.0, (at_seconds - before.at_seconds) / span)) if span else 0.0
        weights = [a + part * (b - a) for a, b in zip(before.weights, after.weights, strict=True)]
        total = sum(weights)
        return tuple(w / total for w in weights) if total else (1.0,) + (0.0,) * (len(weights) - 1)

    def with_point(self, at_seconds: float) -> Morph:
        """With a breakpoint more, which changes nothing yet; as it is where there is one."""
        at_seconds = min(max(0.0, at_seconds), self.length_seconds)
        if self.index_near(at_seconds, _LEAST_GAP_SECONDS) is not None:
            return self
        new = MorphPoint(at_seconds, self.shares_at(at_seconds))
        return self._with((*self.points, new))

    def without_point(self, index: int) -> Morph:
        """Without a breakpoint; the first one stays."""
        if index == 0:
            return self
        return self._with(self.points[:index] + self.points[index + 1 :])

    def moved(self, index: int, at_seconds: float, first_share: float) -> Morph:
        """A breakpoint elsewhere between its neighbours, the first part having another share.

        The others share the rest as they did before, or evenly where they had nothing.
        """
        low, high = 0.0, 0.0
        if index:
            low = self.points[index - 1].at_seconds + _LEAST_GAP_SECONDS
            following = self.points[index + 1 : index + 2]
            high = (
                following[0].at_seconds - _LEAST_GAP_SECONDS if following else self.length_seconds
            )
        share = min(1.0, max(0.0, first_share))
        others = self.points[index].weights[1:]
        total = sum(others)
        rest = tuple((1.0 - share) * (w / total if total else 1.0 / len(others)) for w in others)
        point = MorphPoint(max(low, min(at_seconds, high)), (share, *rest))
        return self._with((*self.points[:index], point, *self.points[index + 1 :]))

    def index_near(self, at_seconds: float, within_seconds: float) -> int | None:
        """The breakpoint nearest to a moment, if it is near enough."""
        distances = [abs(point.at_seconds - at_seconds) for point in self.points]
        nearest = min(range(len(distances)), key=distances.__getitem__)
        return nearest if distances[nearest] <= within_seconds else None

    def _with(self, points: tuple[MorphPoint, ...]) -> Morph:
        return replace(self, points=tuple(sorted(points, key=lambda point: point.at_seconds)))
