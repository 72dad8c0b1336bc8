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
class Guidance:
    """How hard the model is led towards style and words: 0 is not at all, each costs a row more.

    Classifier-free guidance (Ho and Salimans 2022); see `sampling.guidance.guide`.
    """

    style: float = 0.0
    lyrics: float = 0.0

    def over(self, style: float | None, lyrics: float | None) -> Guidance:
        """What is said, and for what is not said this."""
        return Guidance(
            self.style if style is None else style, self.lyrics if lyrics is None else lyrics
        )

    def towards(self, *, style: bool, words: bool) -> Guidance:
        """Where there is nothing to lead towards, not at all."""
        return Guidance(self.style if style else 0.0, self.lyrics if words else 0.0)

    def __post_init__(self) -> None:
        for what, weight in (("style", self.style), ("lyrics", self.lyrics)):
            if not 0.0 <= weight <= MOST_GUIDANCE:
                raise JukeboxError(
                    f"Guidance of {what} goes from 0 (off) to {MOST_GUIDANCE:g}, not {weight:g}."
                )
