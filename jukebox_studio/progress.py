"""Progress of long work on a terminal (rich), for the commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from jukebox_studio.training.loop import TrainProgress


def time_left(seconds: float) -> str:
    """Seconds as people say them: `3 min 20 s left`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, s = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min left"
    return f"{minutes} min {s} s left" if minutes else f"{s} s left"


def show_training(events: Iterator[TrainProgress]) -> None:
    """A line per report."""
    console = Console(soft_wrap=True)
    for event in events:
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in event.metrics.items())
        console.print(
            f"step {event.step}/{event.steps}  {numbers}  "
            f"{event.seconds_per_step:.3f} s/step  {time_left(event.seconds_left)}",
            highlight=False,
        )
