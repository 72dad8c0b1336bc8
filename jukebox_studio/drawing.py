"""How the codes of a level are drawn from what a prior says of them. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict, with_config

from jukebox_studio.errors import JukeboxError

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.01, 10.0
MOST_GUIDANCE = 20.0


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Drawing:
    """As published, where nothing else is given. Top-k and top-p exclude each other."""

    temperature: float = 0.98
    top_k: int = 0
    top_p: float = 0.0

    def __post_init__(self) -> None:
        if not LOWEST_TEMPERATURE <= self.temperature <= HIGHEST_TEMPERATURE:
            raise JukeboxError(
                f"The temperature must lie between {LOWEST_TEMPERATURE:g} and "
                f"{HIGHEST_TEMPERATURE:g}, not {self.temperature:g}."
            )
        if self.top_k < 0:
            raise JukeboxError(f"Top-k must be 0 (off) or above, not {self.top_k}.")
        if not 0.0 <= self.top_p <= 1.0:
            raise JukeboxError(f"Top-p must lie between 0 (off) and 1, not {self.top_p:g}.")
        if self.top_k and self.top_p:
            raise JukeboxError(f"Choose top-k ({self.top_k}) or top-p ({self.top_p:g}), not both.")

    def __str__(self) -> str:
        """As `temperature 0.98, top-p 0.9`."""
        among = f", top-k {self.top_k}" if self.top_k else ""
        among += f", top-p {self.top_p:g}" if self.top_p else ""
        return f"temperature {self.temperature:g}{among}"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Leading:
    """How hard a model is led towards style and words where there are any: 0 is not at all."""

    style: float = 0.0
    lyrics: float = 0.0

    def __post_init__(self) -> None:
        check_guidance(self.style, self.lyrics)

    def __str__(self) -> str:
        return f"by {self.style:g} towards a style, by {self.lyrics:g} towards words"


def check_guidance(style: float, lyrics: float) -> None:
    """Raises JukeboxError for weights that make no sense."""
    for what, weight in (("style", style), ("lyrics", lyrics)):
        if not 0.0 <= weight <= MOST_GUIDANCE:
            raise JukeboxError(
                f"Guidance of {what} goes from 0 (off) to {MOST_GUIDANCE:g}, not {weight:g}."
            )
