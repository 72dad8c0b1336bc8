"""The command `continue`: what it refuses before it reads a model."""

import io
import sys
from pathlib import Path

import pytest

from jukebox_studio.cli import main
from jukebox_studio.continue_command import continue_clip
from jukebox_studio.errors import JukeboxError


@pytest.mark.parametrize("bars", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_bars_are_told_with_both_ends_of_their_range(bars: float) -> None:
    with pytest.raises(JukeboxError, match="above 0 and at most 10,000"):
        continue_clip(Path("none.wav"), bars=bars, tempo=120)


@pytest.mark.parametrize("threads", [-1, 100_000])
def test_threads_that_cannot_be_are_refused(threads: int) -> None:
    with pytest.raises(JukeboxError, match="threads"):
        continue_clip(Path("none.wav"), bars=1, tempo=120, threads=threads)


@pytest.mark.filterwarnings("ignore:.*without tokens")  # of cyclopts, of such a call in a test
def test_a_sentence_with_letters_the_pipe_has_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", pipe)
    arguments = ["continue", "日本.wav", "--bars", "1", "--tempo", "120"]
    monkeypatch.setattr(sys, "argv", ["jukebox-studio", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    pipe.flush()
    assert exit_.value.code == 2
    assert b"There is no file" in pipe.buffer.getvalue()  # type: ignore[attr-defined]
