"""The options --temperature, --top-k and --top-p of several commands. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from jukebox_studio.drawing import Drawing
from jukebox_studio.errors import JukeboxError
from jukebox_studio.request import Sampling, Schedule


def said_of_sampling(
    temperature: str, top_k: str, top_p: str, schedule: Schedule = "parallel"
) -> tuple[Sampling, dict[int, Sampling]]:
    """Of all levels, and of those that are named: `0.98,0:0.9` is 0.98, and 0.9 for level 0.

    An empty text leaves open what it is for.
    """
    temperatures = _by_level(temperature, "temperature")
    top_ks, top_ps = _by_level(top_k, "top-k"), _by_level(top_p, "top-p")
    for number in top_ks.values():
        if not number.is_integer():
            raise JukeboxError(f"Top-k is a whole number, not {number:g}.")

    def of(level: int | None) -> Sampling:
        warmth, count, share = (v.get(level, v.get(None)) for v in (temperatures, top_ks, top_ps))
        return Sampling(warmth, None if count is None else int(count), share, schedule)

    levels = {n for v in (temperatures, top_ks, top_ps) for n in v if n is not None}
    return of(None), {level: of(level) for level in sorted(levels)}


def changed(
    recommended: Mapping[int, Drawing], temperature: str, top_k: str, top_p: str
) -> dict[int, Drawing]:
    """What is recommended for each level, with what the options say in place of what it said.

    JukeboxError for levels of which nothing is recommended: the model does not have them.
    """
    sampling, by_level = said_of_sampling(temperature, top_k, top_p)
    if unknown := sorted(by_level.keys() - recommended.keys()):
        raise JukeboxError(
            f"There are settings for level {unknown[0]}, and the model has the levels "
            f"{', '.join(map(str, sorted(recommended)))}."
        )
    return {n: by_level.get(n, sampling).over(drawing) for n, drawing in recommended.items()}


def _by_level(text: str, what: str) -> dict[int | None, float]:
    """`0.98,0:0.9` as {None: 0.98, 0: 0.9}."""
    found: dict[int | None, float] = {}
    for piece in text.split(",") if text else ():
        level, colon, value = piece.rpartition(":")
        try:
            found[int(level) if colon else None] = float(value)
        except ValueError:
            raise JukeboxError(
                f"{piece!r} is no {what}; write a number, or a level, a colon and a number."
            ) from None
    return found
