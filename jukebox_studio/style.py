"""In whose style: weighted artists and genres, which may change over time. No torch.

A style is a weighted sum of the model's embeddings, so artists blend as colours do. Written
`A:0.5,B:0.3,C:0.2`; a name alone weighs 1, and a name with a comma or a colon goes in quotes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import ConfigDict, with_config

from jukebox_studio.errors import JukeboxError

MOST_PARTS = 64
MOST_WEIGHT = 10.0
UNKNOWN = "unknown"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Part:
    """An artist or a genre, and how much of it."""

    name: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise JukeboxError("A style has a part without a name; name an artist or a genre.")
        if not 0.0 <= self.weight <= MOST_WEIGHT:  # NaN fails too
            raise JukeboxError(
                f"The weight of {self.name} must lie between 0 and {MOST_WEIGHT:g}, "
                f"not {self.weight:g}."
            )


Blend = tuple[Part, ...]
"""Of artists, or of genres. None at all is `unknown`."""


def _checked_blend(blend: Blend, kind: str) -> None:
    names = [part.name for part in blend]
    if twice := {name for name in names if names.count(name) > 1}:
        raise JukeboxError(f"{sorted(twice)[0]} is twice in the blend of {kind}; add the weights.")
    if blend and not any(part.weight for part in blend):
        raise JukeboxError(f"All {kind} weigh 0; give at least one some weight.")


_QUOTED = re.compile(r'\s*"([^"]*)"\s*(?::\s*([^,]*?)\s*)?(?:,|$)')
_PLAIN = re.compile(r"\s*([^,]*?)\s*(?::\s*([^,:]*?)\s*)?(?:,|$)")


def parse_blend(text: str) -> Blend:
    """`A:0.5,B:0.3` as parts. JukeboxError where it cannot be read.

    A name that has quotes itself, as in `"Marine" Baklund`, is none in quotes.
    """
    parts, at = [], 0
    while at < len(text):
        found = _QUOTED.match(text, at) or _PLAIN.match(text, at)
        assert found is not None  # the plain one matches anything
        at = found.end()
        name, weight = found.groups()
        if not found.group().strip(" ,"):
            continue
        try:
            parts.append(Part(name, 1.0 if weight is None else float(weight)))
        except ValueError as error:
            raise JukeboxError(
                f"The weight {weight!r} of {name} is no number; write a blend like A:0.5,B:0.5, "
                "and names with a colon or a comma in quotes."
            ) from error
    return tuple(parts)


def format_blend(blend: Blend) -> str:
    """What `parse_blend` reads back."""

    def one(part: Part) -> str:
        name = f'"{part.name}"' if set(part.name) & set(",:") else part.name
        return name if part.weight == 1.0 else f"{name}:{part.weight:g}"

    return ",".join(one(part) for part in blend)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class StylePoint:
    """The style at a moment, in seconds from the start of what is made."""

    at_seconds: float
    artists: Blend = ()
    genres: Blend = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.at_seconds) and self.at_seconds >= 0):
            raise JukeboxError(
                f"A style cannot start at {self.at_seconds:g} s; count from the start of the music."
            )
        _checked_blend(self.artists, "artists")
        _checked_blend(self.genres, "genres")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Style:
    """Who it should sound like. Between two points weights go in a straight line."""

    points: tuple[StylePoint, ...] = (StylePoint(0.0),)

    def __post_init__(self) -> None:
        if not self.points or self.points[0].at_seconds != 0.0:
            raise JukeboxError("A style needs a point at 0 s, from which it goes on.")
        for before, after in pairwise(self.points):
            if after.at_seconds <= before.at_seconds:
                raise JukeboxError(
                    f"The style at {after.at_seconds:g} s comes after the one at "
                    f"{before.at_seconds:g} s; put them in order."
                )
        for names, kind in ((self.artist_names, "artists"), (self.genre_names, "genres")):
            if len(names) > MOST_PARTS:
                raise JukeboxError(f"A style has at most {MOST_PARTS} {kind}, not {len(names)}.")

    @classmethod
    def of(cls, artists: str = "", genres: str = "") -> Style:
        """One style throughout, from blends as `parse_blend` reads them."""
        return cls((StylePoint(0.0, parse_blend(artists), parse_blend(genres)),))

    @property
    def morphs(self) -> bool:
        return len(self.points) > 1

    def at(self, seconds: float) -> StylePoint:
        """The style at a moment; before the first point and after the last, as there."""
        points = self.points
        if seconds <= points[0].at_seconds or not self.morphs:
            return points[0]
        for before, after in pairwise(points):
            if seconds < after.at_seconds:
                share = (seconds - before.at_seconds) / (after.at_seconds - before.at_seconds)
                return StylePoint(
                    seconds,
                    _between(before.artists, after.artists, share),
                    _between(before.genres, after.genres, share),
                )
        return points[-1]

    @property
    def artist_names(self) -> list[str]:
        """Every artist that ever sounds, in order of appearance."""
        return _names([point.artists for point in self.points])

    @property
    def genre_names(self) -> list[str]:
        return _names([point.genres for point in self.points])


def _between(a: Blend, b: Blend, share: float) -> Blend:
    if a == b:
        return a
    # Nothing named is the unknown artist, or a morph from nothing would fade a style in twice.
    weights = dict.fromkeys([p.name for p in (a or (Part(UNKNOWN),))], 0.0)
    weights |= dict.fromkeys([p.name for p in (b or (Part(UNKNOWN),))], 0.0)
    for blend, amount in ((a or (Part(UNKNOWN),), 1.0 - share), (b or (Part(UNKNOWN),), share)):
        for part in blend:
            weights[part.name] += amount * part.weight
    # Two shares of the highest weight may add up to a rounding more.
    return tuple(Part(name, min(w, MOST_WEIGHT)) for name, w in weights.items() if w)


def _names(blends: Sequence[Blend]) -> list[str]:
    return list(dict.fromkeys(part.name for blend in blends for part in blend if part.weight))
