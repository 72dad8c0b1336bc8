"""Means that no artist and no long track can rule: within a track, within an artist, over artists.

Pure: no torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Group = Literal["all", "music", "singing"]
GROUPS: tuple[Group, ...] = ("all", "music", "singing")


@dataclass(frozen=True)
class Measured:
    """Numbers of one piece of a track. A number that could not be measured is left out."""

    artist: str
    track: str
    sung: bool
    """The track's words are known."""
    values: dict[str, float]


@dataclass(frozen=True)
class Averages:
    """Means over artists of means over tracks of means over pieces, by the name of the number."""

    groups: dict[Group, dict[str, float]]
    """A group without any piece is empty."""
    by_artist: dict[str, dict[str, float]]
    counts: dict[str, int]
    """How many pieces each number was measured on, in all."""

    @classmethod
    def of(cls, rows: Sequence[Measured]) -> Averages:
        tracks: dict[tuple[str, str], list[Measured]] = {}
        for row in rows:
            tracks.setdefault((row.artist, row.track), []).append(row)
        means = [
            Measured(artist, track, pieces[0].sung, _mean(p.values for p in pieces))
            for (artist, track), pieces in tracks.items()
        ]
        groups: dict[Group, dict[str, float]] = {
            "all": _over_artists(means),
            "music": _over_artists([m for m in means if not m.sung]),
            "singing": _over_artists([m for m in means if m.sung]),
        }
        counts: dict[str, int] = {}
        for row in rows:
            for key in row.values:
                counts[key] = counts.get(key, 0) + 1
        return cls(groups, _by_artist(means), counts)

    def get(self, key: str, group: Group = "all") -> float:
        """NaN where it was not measured."""
        return self.groups[group].get(key, math.nan)


def _by_artist(tracks: Sequence[Measured]) -> dict[str, dict[str, float]]:
    artists: dict[str, list[dict[str, float]]] = {}
    for track in tracks:
        artists.setdefault(track.artist, []).append(track.values)
    return {artist: _mean(values) for artist, values in sorted(artists.items())}


def _over_artists(tracks: Sequence[Measured]) -> dict[str, float]:
    return _mean(_by_artist(tracks).values())


def _mean(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    rows = list(rows)
    keys = sorted({key for row in rows for key in row})
    return {key: float(np.mean([row[key] for row in rows if key in row])) for key in keys}
