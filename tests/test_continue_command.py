"""The command `continue`: what it refuses before it reads a model."""

from pathlib import Path

import pytest

from jukebox_studio.continue_command import continue_clip
from jukebox_studio.errors import JukeboxError


@pytest.mark.parametrize("bars", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_bars_are_told_with_both_ends_of_their_range(bars: float) -> None:
    with pytest.raises(JukeboxError, match=r"more than 0 and at most 10,000 bars"):
        continue_clip(Path("none.wav"), bars=bars, tempo=120)


@pytest.mark.parametrize("threads", [-1, 100_000])
def test_threads_that_cannot_be_are_refused(threads: int) -> None:
    with pytest.raises(JukeboxError, match="threads"):
        continue_clip(Path("none.wav"), bars=1, tempo=120, threads=threads)
