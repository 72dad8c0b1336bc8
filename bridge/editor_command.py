"""The command `jukebox-studio --edit FILE`, which DAWs start as their sample editor."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

import platformdirs

from bridge.editor import Editing, edit, one_at_a_time, running_port
from bridge.headless import OperationName
from bridge.protocol import Value
from jukebox_studio import audio
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo_detection import detect_tempo_of_file

START_SECONDS = 120.0
TEMPO_LISTEN_SECONDS = 90
UNKNOWN_TEMPO_BPM = 120.0

log = logging.getLogger(__name__)


def edit_file(
    file: Path,
    *,
    operation: OperationName | None = None,
    tempo: float | None = None,
    meter: str = "4/4",
    bars: float = 0.0,
    grow: bool = False,
    seed: int = -1,
    model: str = "starter",
) -> None:
    """Change an audio file in place, as a DAW's external sample editor.

    The file goes to the program that runs, and what is inserted there replaces its sound: with the
    same rate, length and format. A backup is kept. Where no program runs, one without a window is
    started, which restyles the file.

    Parameters
    ----------
    file
        The audio file.
    operation
        Render this at once and take the first result, instead of waiting for the musician.
    tempo
        Quarter notes per minute; without, it is listened for.
    meter
        Time signature.
    bars
        Length of a continuation; needs --grow.
    grow
        Whether the file may become longer.
    seed
        The same seed gives the same result; -1 is any.
    model
        Name or folder of the model, where no program runs yet.
    """
    if not file.is_file():
        raise JukeboxError(f"There is no file {file}; save the clip, and open it again.")
    with one_at_a_time(file):
        editing = Editing(file, tempo or _tempo(file), meter, grow)
        editing.clip()  # refused before anything is started
        port = running_port()
        if port is None:
            port = _start(model)
            operation = operation or "restyle"
        generate: dict[str, Value] | None = None
        if operation is not None:
            generate = {"operation": operation, "length_bars": bars, "seed": seed}
        else:
            print(f"{file} is open in Jukebox Studio; insert a variant there.", flush=True)
        edited = edit(
            editing, port, generate=generate, still_waiting=lambda: running_port() == port
        )
    if edited is None:
        raise JukeboxError(f"Jukebox Studio has ended; {file} is as it was.")
    print(f"{file} now has the sound of {edited.result}; what was there is {edited.backup}.")


def _tempo(file: Path) -> float:
    info = audio.inspect(file)
    most = min(info.length_samples, TEMPO_LISTEN_SECONDS * info.rate_hz)
    guess = detect_tempo_of_file(file, length_samples=most)
    if guess is None:
        print(f"No beat was heard, so {UNKNOWN_TEMPO_BPM:g} BPM is taken; --tempo says another.")
        return UNKNOWN_TEMPO_BPM
    print(guess.sentence())
    return round(guess.tempo_bpm, 2)


def _start(model: str) -> int:
    """A program without a window, which ends by itself when nobody needs it; its port."""
    folder = platformdirs.user_log_path("jukebox-studio", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bridge.log"
    code = "from jukebox_studio.cli import main; main()"
    command = [sys.executable, "-c", code, "bridge", "--until-idle", "--model", model]
    with path.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=sys.platform != "win32",
        )
    give_up = time.monotonic() + START_SECONDS
    while (port := running_port()) is None:
        # Another editor may have started one at the same moment: then ours ends, and theirs serves.
        if time.monotonic() > give_up or (process.poll() not in (None, 2)):
            raise JukeboxError(f"Jukebox Studio could not be started; {path} tells why.")
        if process.poll() == 2 and running_port() is None:
            time.sleep(1.0)
            if running_port() is None:
                raise JukeboxError(f"Jukebox Studio could not be started; {path} tells why.")
        time.sleep(0.1)
    return port
