"""Progress of long work on a terminal (rich), for the commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from jukebox_studio.events import Event, Loading, Note, Progress, VariantFinished

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
    console = Console(soft_wrap=True, markup=False, emoji=False)
    for event in events:
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in event.metrics.items())
        console.print(
            f"step {event.step}/{event.steps}  {numbers}  "
            f"{event.seconds_per_step:.3f} s/step  {time_left(event.seconds_left)}",
            highlight=False,
        )


def show_render(events: Iterator[Event], licence: str) -> None:
    """A bar per level while a render runs, then where the results are."""
    console = Console(soft_wrap=True, markup=False, emoji=False)
    finished: list[VariantFinished] = []
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bars(*columns, console=console) as bars:
        tasks: dict[int, TaskID] = {}
        for event in events:
            if isinstance(event, Note):
                bars.console.print(event.text, highlight=False)
            elif isinstance(event, Loading):
                bars.console.print(f"loading {event.what}", style="dim", highlight=False)
            elif isinstance(event, Progress):
                if event.level not in tasks:
                    tasks[event.level] = bars.add_task(f"level {event.level}", total=1, left="")
                left = f"{event.codes_per_second:.0f} codes/s, {time_left(event.seconds_left)}"
                bars.update(
                    tasks[event.level],
                    completed=event.done,
                    total=event.total,
                    left=left if event.done < event.total else "done",
                )
            elif isinstance(event, VariantFinished):
                finished.append(event)
    for event in finished:
        seconds = event.length_samples / event.rate_hz
        console.print(
            f"variant {event.variant + 1}: {event.audio_path} "
            f"({event.length_samples} samples, {seconds:.2f} s)",
            highlight=False,
        )
    console.print(f"Licence of the model: {licence}", highlight=False)
