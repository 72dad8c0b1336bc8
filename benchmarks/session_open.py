"""How long a large project takes to open.

    python benchmarks/session_open.py --clips 200 --variants 2000

Opens a session for writing and reads its clips, variants and jobs as the window does, over and
over; the first one, which also keeps the copy in backups/, is told apart. Processor time is told
beside the time that passed, which on a busy machine says little.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from jukebox_studio.clip import Clip
from jukebox_studio.session import Session
from jukebox_studio.session_files import find_rubbish
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
SONG = SongTime(TempoMap.of((0, 120), (64, 90)), MeterMap.of((0, "4/4"), (16, "7/8")))
NOTES = "The second bar drags, but the voice is right; try with less keep. " * 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--variants", type=int, default=2_000)
    parser.add_argument("--times", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "session")
        fill(folder, options.clips, options.variants)
        size_bytes = (folder / "session.sqlite").stat().st_size
        print(f"{options.clips} clips, {options.variants} variants, {size_bytes / 1e6:.1f} MB")
        first, *later = [open_once(folder) for _ in range(options.times)]
        print(f"first open: {first[0] * 1e3:.0f} ms passed, {first[1] * 1e3:.0f} ms computed")
        for what, seconds in zip(("passed", "computed"), zip(*later, strict=True), strict=True):
            print(
                f"open and read, {what}: fastest {min(seconds) * 1e3:.0f} ms, median "
                f"{statistics.median(seconds) * 1e3:.0f} ms, slowest {max(seconds) * 1e3:.0f} ms"
            )
        with Session.open(folder) as session:
            for name, call in (
                ("search", lambda: session.search("voice keep")),
                ("rate", lambda: session.rate([7], random.randint(1, 5), when=WHEN)),
                ("prune", lambda: session.prune([random.randint(1, 99)], when=WHEN)),
                ("undo", session.undo),
                ("find rubbish", lambda: find_rubbish(session)),
            ):
                start = time.process_time()
                call()
                print(f"{name}: {(time.process_time() - start) * 1e3:.1f} ms computed")


def open_once(folder: Path) -> tuple[float, float]:
    """Seconds that passed, and seconds of the processor."""
    start, started = time.perf_counter(), time.process_time()
    with Session.open(folder) as session:
        session.clips(), session.variants(), session.jobs()
        return time.perf_counter() - start, time.process_time() - started


def fill(folder: Path, clips: int, variants: int) -> None:
    chance = random.Random(0)
    with Session.create(folder) as session, session.one_step("Fill", when=WHEN):
        parents: dict[int, list[int]] = {}
        for n in range(clips):
            path = Path(f"/home/musician/Song/interchange/Song/audiofiles/take-{n}.wav")
            clip = Clip(path, 0, 480_000, 48_000, SONG, 48_000, 96_000, "Voc", f"take {n}")
            parents[session.add_clip(clip, when=WHEN).id] = []
        for _ in range(variants // 4):
            clip_id = chance.choice(list(parents))
            parent = chance.choice([None, *parents[clip_id]])
            request = {"operation": "continue", "lyrics": NOTES, "seed": chance.getrandbits(64)}
            job = session.add_job(
                request, clip_id, parent_id=parent, when=WHEN, operation="continue", styles="Ada"
            )
            for number in range(4):
                path = job.results_folder / f"{number}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"sound")
                variant = session.record_variant(
                    job.id, number, seed=1, state="full", audio_path=path,
                    length_samples=480_000, rate_hz=48_000, remarks=(NOTES,), when=WHEN,
                )  # fmt: skip
                session.note(variant.id, NOTES, when=WHEN)
                parents[clip_id].append(variant.id)


if __name__ == "__main__":
    main()
