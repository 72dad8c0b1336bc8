"""`jukebox-studio --edit FILE`: the external sample editor that DAWs let people choose.

The file is sent to the running program like any clip; the variant that comes back takes its place
in the file: same rate, length and format, a backup first, replaced in one step. Where no program
runs, one without a window is started for as long as it takes, so there is always just one.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import queue
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs
import psutil
import soundfile
from filelock import FileLock, Timeout

from bridge.clip_message import clip_to_values
from bridge.conversation import Heard
from bridge.osc import Client
from bridge.protocol import Value, Values
from bridge.token import configuration_folder, load_token, make_private_folder, token_path
from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap

CLIP = "edited"
HELLO_SECONDS = 5.0
LOOK_SECONDS = 0.5
FADE_SAMPLES = 240

Samples = npt.NDArray[np.float32]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Editing:
    """What is asked for."""

    file: Path
    tempo_bpm: float
    meter: str = "4/4"
    may_grow: bool = False
    """Whether the file may become longer, as by a continuation."""

    def clip(self) -> Clip:
        """The whole file; its timeline is the file itself. JukeboxError as `Clip.from_file`."""
        song = SongTime(
            TempoMap.of((0, Fraction(str(self.tempo_bpm)))), MeterMap.of((0, self.meter))
        )
        clip = Clip.from_file(self.file.resolve(), song)
        return Clip(
            path=clip.path,
            start_samples=0,
            length_samples=clip.length_samples,
            rate_hz=clip.rate_hz,
            song=song,
            timeline_rate_hz=clip.rate_hz,
            position_samples=0,
            name=self.file.stem,
        )


def spliced(original: Samples, result: Samples, at_samples: int, may_grow: bool) -> Samples:
    """`original` [T, C] with `result` [T', C'] in its place from `at_samples` on.

    Channels are those of the original. Longer than it only where it may grow; where the result ends
    inside, it gives way over a few milliseconds to what was there. JukeboxError where nothing of
    the result has room.
    """
    length, channels = original.shape
    if at_samples >= length and not may_grow:
        raise JukeboxError(
            "The result begins where the file ends, and the file must keep its length; use --grow, "
            "or an operation that makes the same stretch anew."
        )
    if result.shape[1] != channels:
        mono: Samples = result.mean(axis=1, keepdims=True, dtype=np.float32)
        result = np.repeat(mono, channels, axis=1)
    end = at_samples + len(result)
    made = np.zeros((max(length, end) if may_grow else length, channels), np.float32)
    made[: min(length, len(made))] = original[: len(made)]
    end = min(end, len(made))
    if end < length:
        fade = min(FADE_SAMPLES, end - at_samples)
        ramp = np.linspace(0.0, 1.0, fade, endpoint=False, dtype=np.float32)[:, None]
        result = result[: end - at_samples].copy()
        result[-fade:] = result[-fade:] * (1 - ramp) + original[end - fade : end] * ramp
    made[at_samples:end] = result[: end - at_samples]
    return made


def replace_sound(file: Path, result: Path, at_samples: int, may_grow: bool) -> Path:
    """Put the sound of `result` into `file`, and say where the backup lies.

    The file's rate, format and coding stay. Raises JukeboxError where either cannot be read, or
    the file not be written; then it is as it was.
    """
    audio.inspect(file)  # which refuses in a sentence
    with audio.opened(file) as opened:
        form, subtype, endian = opened.format, opened.subtype, opened.endian
        comments = {name: text for name, text in opened.copy_metadata().items() if text}
    original, made = audio.read(file), audio.read(result)
    sound = audio.resample(made.samples, made.rate_hz, original.rate_hz)
    whole = spliced(original.samples, sound, at_samples, may_grow)
    content = io.BytesIO()
    try:
        with soundfile.SoundFile(
            content, "w", original.rate_hz, whole.shape[1], subtype, endian, form
        ) as written:
            for name, text in comments.items():
                setattr(written, name, text)
            written.write(np.clip(whole, -1.0, 1.0) if subtype != "FLOAT" else whole)
    except (soundfile.LibsndfileError, ValueError, TypeError) as error:
        raise JukeboxError(
            f"{file} cannot be written as {form} with {subtype}: {error}. Convert it to WAV."
        ) from error
    kept = backup(file)
    write_atomically(file, content.getvalue())
    return kept


def backup_folder() -> Path:
    return platformdirs.user_data_path("jukebox-studio", appauthor=False) / "backups"


def backup(file: Path) -> Path:
    """A copy of a file that is about to be replaced; JukeboxError where it cannot be made."""
    folder = backup_folder()
    number, kept = 1, folder / f"{file.stem}{time.strftime(' %Y-%m-%d %H.%M.%S')}{file.suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while kept.exists():
            number += 1
            kept = kept.with_stem(f"{kept.stem.split(' (')[0]} ({number})")
        part = folder / f".{os.getpid()}.part"
        shutil.copy2(file, part)
        part.replace(kept)
    except OSError as error:
        raise JukeboxError(
            f"{file} was left as it is, because its backup in {folder} could not be written: "
            f"{error.strerror or error}."
        ) from error
    return kept


# Talking to the program ---------------------------------------------------------------------------


def running_port() -> int | None:
    """Where the program listens, as `bridge.json` says; None where it does not run."""
    path = configuration_folder() / "bridge.json"
    try:
        told = json.loads(path.read_bytes())
        port, pid = int(told["port"]), int(told["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return port if psutil.pid_exists(pid) else None


@dataclass(frozen=True)
class Edited:
    """What became of the file."""

    backup: Path
    result: Path


def edit(
    editing: Editing,
    port: int,
    *,
    generate: Mapping[str, Value] | None = None,
    still_waiting: Callable[[], bool] = lambda: True,
) -> Edited | None:
    """Send the file to the program at `port`, and put what it inserts into the file.

    generate: arguments of a `generate` message that asks at once, and takes the first variant; None
    leaves it to the musician.
    Returns None when `still_waiting` says so. Raises JukeboxError where the program does not
    answer, refuses, or the file cannot be replaced; the program is told that, too.
    """
    clip = editing.clip()
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with Client(load_token(token_path()), port, on_heard=heard.put) as client:
        client.hello("Sample editor", pid=os.getpid())
        client.send("clip", clip_to_values(CLIP, clip))
        client.wait()
        if generate is not None:
            wish: dict[str, Value] = {"clip": CLIP, "operation": "", "length_bars": 0.0}
            wish |= {"variants": 1, "seed": -1}
            client.send("generate", wish | dict(generate))
            client.wait()
        try:
            while still_waiting():
                try:
                    message = heard.get(timeout=LOOK_SECONDS)
                except queue.Empty:
                    continue
                if message.name == "variant" and generate is not None:
                    chosen = {name: message.values[name] for name in ("job", "variant")}
                    client.send("choose", chosen)
                elif message.name == "insert":
                    return _insert(editing, clip, client, message.values)
            return None
        finally:
            client.send("goodbye", {})
            client.wait()


def _insert(editing: Editing, clip: Clip, client: Client, values: Values) -> Edited:
    told: dict[str, Value] = {"insert": values["insert"], "done": True, "sentence": ""}
    result = Path(str(values["path"]))
    rate = int(values["timeline_rate_hz"])
    try:
        if rate != clip.rate_hz:
            raise JukeboxError(f"The result is for {rate:,} Hz, {editing.file} has another rate.")
        at = int(values["position_samples"])
        kept = replace_sound(editing.file, result, at, editing.may_grow)
    except JukeboxError as error:
        client.send("inserted", told | {"done": False, "sentence": str(error)})
        client.wait()
        raise
    client.send("inserted", told)
    client.wait()
    return Edited(kept, result)


@contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """JukeboxError where the file is being edited already."""
    folder = configuration_folder()
    make_private_folder(folder)
    name = hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:16]
    lock = FileLock(folder / f"edit-{name}.lock", fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise JukeboxError(
            f"{file} is open in Jukebox Studio already; finish there, or cancel, first."
        ) from None
    try:
        yield
    finally:
        lock.release()
