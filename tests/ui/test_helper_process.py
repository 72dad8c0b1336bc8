"""What holds the interpreter is done in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukebox_studio import audio
from jukebox_studio.errors import JukeboxError
from ui.helper_process import HelperProcess

TESTS = Path(__file__).parents[1]

SESSION = """
import sys, time
from pathlib import Path
from PyQt6.QtCore import QCoreApplication
from hand_engine import HandEngine
from jukebox_studio.events import Finished
from jukebox_studio.request import Continue, Request
from jukebox_studio.session import Session
from ui.project import Project
from ui_parts import model_folder, result, sound

app = QCoreApplication([])
folder = Path(sys.argv[1])
engine = HandEngine()
project = Project(Session.create(folder / "song"), engine)
project.failed.connect(print)

def wait_for(what):
    while not what():
        app.processEvents()
        time.sleep(0.01)

project.add_file(sound(folder / "a loop.wav", 4.0))
wait_for(project.session.clips)
[clip] = project.session.clips()
request = Request(clip.sounding, Continue(2, "seconds"), variants=1, seed=7)
project.generate(request, model_folder(folder / "model"), clip.id)
_, out, _ = engine.begun.get(timeout=60)
made = result(out, 0)
loud = made.audio_path
import soundfile
samples, rate = soundfile.read(loud)
soundfile.write(loud, samples / 2, rate, subtype="PCM_24")
engine.says.put(made)
engine.says.put(Finished())
wait_for(project.session.variants)
print(f"{project.session.variants()[0].gain_db:.1f} dB")
print(sorted({"aubio", "pyloudnorm", "scipy"} & set(sys.modules)))
project.close()
"""


@pytest.fixture
def helper() -> Iterator[HelperProcess]:
    made = HelperProcess()
    yield made
    made.close()


def test_after_a_result_the_window_has_not_imported_scipy(tmp_path: Path) -> None:
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-c", SESSION, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stdout.splitlines() == ["6.0 dB", "[]"], ran.stderr


def test_one_process_is_kept_and_a_killed_one_replaced(helper: HelperProcess) -> None:
    first = helper.result(os.getpid)
    assert first != os.getpid()
    assert helper.result(os.getpid) == first
    assert helper.popen is not None
    helper.popen.kill()
    helper.popen.wait(20)
    second = helper.result(os.getpid)
    assert second not in (first, os.getpid())
    assert helper.result(os.getpid) == second


def test_one_that_dies_of_its_work_is_told_in_a_sentence(helper: HelperProcess) -> None:
    with pytest.raises(JukeboxError, match="ended twice"):
        helper.result(os._exit, 3)
    assert helper.result(os.getpid) != os.getpid()


def test_what_goes_wrong_there_is_raised_here(helper: HelperProcess, tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match=r"gone\.wav"):
        helper.result(audio.loudness_of_file, tmp_path / "gone.wav")
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        helper.result(divmod, 1, 0)


def test_what_is_printed_there_is_no_answer(helper: HelperProcess) -> None:
    assert helper.result(os.write, 1, b"a library says something\n") == 25
    helper.result(print, "and so does another")
    assert helper.result(abs, -3) == 3


def test_it_ends_with_its_owner() -> None:
    code = (
        "import os, signal\n"
        "from ui.helper_process import HELPER\n"
        "print(HELPER.result(os.getpid), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    # The pipe is the helper's too (its errors), so this returns when both have ended.
    ran = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    assert int(ran.stdout) > 0
