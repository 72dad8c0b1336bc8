"""The moving picture of the README: a region out of Ardour, continued, compared, dragged back.

python benchmarks/window_capture.py docs/images/continue-compare-drag.webp

Real Ardour and the real window on a screen that nobody sees, touched by xdotool alone, filmed by
ffmpeg. Nothing is staged but time: what the starter needs to render is shown faster. Besides what
tests/daw/test_window_and_ardour.py needs, it needs ffmpeg with libwebp.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from daw.desk import wait_for  # noqa: E402
from daw.window_driver import BAR, FREE, Desk, desk_with_ardour  # noqa: E402

SCREEN = (1600, 1100)
FRAMES_PER_SECOND = 10
WIDTH = 1280
CAPTION_PX = 48
BARS = 2


@dataclass
class Film:
    """Scenes, one after the other, each with a caption and as long as it is to be."""

    display: str
    folder: Path
    scenes: list[tuple[Path, float, str]] = field(default_factory=list)

    @contextmanager
    def scene(self, caption: str, seconds: float | None = None) -> Iterator[None]:
        """seconds: how long it is shown, however long it takes; as long as it takes if None."""
        path = self.folder / f"{len(self.scenes)}.mkv"
        source = ["-f", "x11grab", "-framerate", "20", "-video_size", f"{SCREEN[0]}x{SCREEN[1]}"]
        lossless = ["-c:v", "libx264rgb", "-preset", "ultrafast", "-qp", "0"]
        command = ["ffmpeg", "-loglevel", "error", *source, "-i", self.display, *lossless, path]
        filming = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_for("the camera", path.exists)
        began = time.monotonic()
        try:
            yield
        finally:
            filming.send_signal(signal.SIGINT)
            filming.wait(60)
        took = time.monotonic() - began
        self.scenes.append((path, (seconds or took) / took, caption))

    def develop(self, out: Path) -> None:
        inputs, chains = [], []
        for number, (path, slower, caption) in enumerate(self.scenes):
            inputs += ["-i", str(path)]
            # From a file: in the filter itself a colon would end it.
            words = path.with_suffix(".txt")
            words.write_text(caption, encoding="utf-8")
            text = (
                f"drawtext=textfile={words}:fontcolor=0xe6e8eb:fontsize=24:x=24"
                f":y=h-{CAPTION_PX}+({CAPTION_PX}-text_h)/2"
            )
            chains.append(
                f"[{number}]setpts={slower}*(PTS-STARTPTS),fps={FRAMES_PER_SECOND},"
                f"scale={WIDTH}:-2:flags=lanczos,"
                f"pad=iw:ih+{CAPTION_PX}:0:0:0x16171a,{text}[s{number}]"
            )
        joined = "".join(f"[s{number}]" for number in range(len(self.scenes)))
        chains.append(f"{joined}concat=n={len(self.scenes)}")
        picture = ["-c:v", "libwebp_anim", "-loop", "0", "-q:v", "75", "-compression_level", "6"]
        filters = ["-filter_complex", ";".join(chains)]
        command = ["ffmpeg", "-loglevel", "error", "-y", *inputs, *filters, *picture, str(out)]
        subprocess.run(command, check=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("out", type=Path)
    out = arguments.parse_args().out
    frames = ((0, 0, 1590, 698), (60, 446, 1480, 630))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part = (BAR, 4 * BAR)
        size = f"{SCREEN[0]}x{SCREEN[1]}"
        with desk_with_ardour(
            folder, region=part, size=size, frames=frames, was_toured=True
        ) as desk:
            film = Film(desk.ardour.display, folder)
            play(desk, film)
        film.develop(out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def play(desk: Desk, film: Film) -> None:
    hand = desk.hand
    wait_for("the demo clip", lambda: desk.clips() != [])
    with film.scene("Select a region in Ardour, and send it", 3.5):
        desk.send()
        hand.to_front(desk.ours)
        time.sleep(1.5)
    desk.fill_in(bars=BARS, variants=3, seed=7)
    with film.scene(f"Continue it by {BARS} bars, three times over (shown faster)", 4.0):
        hand.press("ctrl+Return")
        wait_for("three variants", lambda: len(desk.variants()) == 3)
        time.sleep(1)
    with film.scene("Compare: 1, 2, 3 switch where you are, 0 is the clip"):
        hand.press("1", "l")  # a loop over it
        hand.press(*["ctrl+Right"] * 3)  # a bar before its start
        began = desk.recorder.length_samples
        hand.press("space")
        wait_for("sound", lambda: desk.recorder.heard(began).any())
        time.sleep(2.6)
        for key in ("2", "3", "2"):
            hand.press(key)
            time.sleep(1.3)
    hand.press("space", "l")
    with film.scene("Drag the one you like onto the timeline"):
        hand.drag(desk.head_of_heard_lane(), FREE)
        wait_for("the drop is noted", lambda: len(desk.placements()) == 1)
        time.sleep(1)
    with film.scene("Or press Ctrl+D, and it lies where the clip ended, to the sample", 3.5):
        hand.press("ctrl+d")
        wait_for("the variant on the timeline", lambda: len(desk.placements()) == 2)
        time.sleep(2.5)


if __name__ == "__main__":
    main()
