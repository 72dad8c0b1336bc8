"""How long the window takes to be usable, and to open a large project.

python benchmarks/window_start.py            # start, five times; offscreen where there is no screen
python benchmarks/window_start.py --large    # 200 clips and 2,000 variants too

Wall and computed seconds (of this process): on a busy machine the second says more. A window is
usable when it was drawn and its first project is open.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--once", type=float, help=argparse.SUPPRESS)
    arguments.add_argument("--large", action="store_true")
    told = arguments.parse_args()
    if told.once:
        once(told.once, told.large)
        return
    environment = dict(os.environ)
    if "DISPLAY" not in environment:
        environment["QT_QPA_PLATFORM"] = "offscreen"
    for _ in range(RUNS):
        # Of a process that starts, the system tells the time to a second only.
        command = [sys.executable, __file__, "--once", str(time.time())]
        subprocess.run(command + ["--large"] * told.large, env=environment, check=True)


def once(begun: float, large: bool) -> None:
    import psutil

    home = Path(tempfile.mkdtemp())
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        os.environ[name] = str(home / name)
    project = home / "projects" / "large"
    if large:
        make_large(project)
    process = psutil.Process()
    if large:
        begun = time.time()  # what it was made in does not count
    computed = sum(process.cpu_times()[:2]) if large else 0.0

    def told(what: str) -> None:
        used = sum(process.cpu_times()[:2]) - computed
        print(f"{what}: {time.time() - begun:.2f} s passed, {used:.2f} s computed", flush=True)

    from ui.app import application, make_window

    app = application()
    window = make_window(app, home / "log")
    window.store.change(projects_folder=str(home / "projects"), was_toured=True)
    window.show()
    for _ in range(3):
        app.processEvents()
    told("window drawn")
    begun, computed = time.time(), sum(process.cpu_times()[:2])
    if large:
        window.open_project(project)
    else:
        window.open_first_project()
    for _ in range(3):
        app.processEvents()
    told("large project open" if large else "first project open")
    assert "torch" not in sys.modules
    window.close()


def make_large(folder: Path) -> None:
    """200 clips with ten variants each."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from session_maker import WHEN, clip_of, sound

    from jukebox_studio.request import Continue, Request
    from jukebox_studio.session import Session

    with Session.create(folder) as session:
        for number in range(200):
            path = sound(folder / "own" / f"{number}.wav")
            clip = session.add_clip(clip_of(path, f"Clip {number}"), when=WHEN)
            request = Request(clip.clip, Continue(1, "seconds"), seed=number).to_json()
            job = session.add_job(request, clip.id, when=WHEN, operation="continue")
            result = sound(job.results_folder / "made.wav")
            for variant in range(10):
                session.record_variant(
                    job.id, variant, seed=1, state="full", audio_path=result,
                    length_samples=400, rate_hz=8_000, when=WHEN,
                )  # fmt: skip
            session.set_job_state(job.id, "running")
            session.set_job_state(job.id, "finished")


if __name__ == "__main__":
    main()
