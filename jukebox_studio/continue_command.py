"""The command `jukebox-studio continue`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jukebox_studio import audio
from jukebox_studio.command_types import Whole
from jukebox_studio.errors import JukeboxError
from jukebox_studio.progress import show_render
from jukebox_studio.request import ContinueRequest, FileFormat, Sampling
from jukebox_studio.tempo import Meter, bars_to_samples

MOST_BARS = 10_000
MOST_THREADS = 256


def continue_clip(
    clip: Path,
    *,
    bars: float,
    tempo: float,
    meter: str = "4/4",
    variants: Whole = 3,
    seed: Whole = 0,
    out: Path = Path("out"),
    artist: str = "unknown",
    genre: str = "unknown",
    lyrics: str | None = None,
    temperature: float = 0.98,
    top_k: Whole = 0,
    top_p: float = 0.0,
    file_format: Annotated[FileFormat, Parameter(name="--format")] = "wav",
    model: str = "starter",
    threads: Whole = 0,
    json_lines: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Write variants that go on where a clip stops.

    Each is a WAV at the clip's rate, exactly as many samples long as the bars take, with a JSON
    beside it that says how it was made.

    Parameters
    ----------
    clip
        The audio file to continue.
    bars
        Length of the continuation.
    tempo
        Beats (quarter notes) per minute.
    meter
        Time signature.
    variants
        How many different continuations.
    seed
        The same seed gives the same variants.
    out
        Folder of the results.
    artist
        In whose style; see `jukebox-studio models info`.
    genre
        In which genre.
    lyrics
        Words to sing, for models that sing; "" asks for music without a voice.
    temperature
        Below 1 is safer, above 1 wilder.
    top_k
        Draw among the k likeliest codes only; 0 is off.
    top_p
        Draw among the likeliest codes that together have this probability; 0 is off.
    file_format
        24-bit WAV, float WAV or 24-bit FLAC.
    model
        Name or folder of the model.
    threads
        Processor threads; 0 leaves one core free for the DAW.
    json_lines
        Print events as JSON lines.
    """
    if not 0 < bars <= MOST_BARS:  # NaN fails too
        raise JukeboxError(
            f"Ask for a number of bars above 0 and at most {MOST_BARS:,}, not {bars:g}."
        )
    if not 0 <= threads <= MOST_THREADS:
        raise JukeboxError(f"Ask for 0 (all but one) to {MOST_THREADS} threads, not {threads}.")
    rate_hz = audio.inspect(clip).rate_hz
    request = ContinueRequest(
        clip_path=clip,
        length_samples=bars_to_samples(bars, tempo, Meter.parse(meter), rate_hz),
        length_said=f"{bars:g} bars of {meter} at {tempo:g} bpm",
        artist=artist,
        genre=genre,
        lyrics=lyrics,
        sampling=Sampling(temperature, top_k, top_p),
        variants=variants,
        seed=seed,
        file_format=file_format,
    )
    # After the arguments: bad ones are told without the seconds that torch takes to load.
    import torch

    from jukebox_studio.bundle import find_bundle
    from jukebox_studio.engine import continue_clip as render

    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) - 1))
    bundle = find_bundle(model)
    events = render(bundle, request, out)
    if json_lines:
        for event in events:
            print(json.dumps(event.to_json()), flush=True)  # ASCII: right in any pipe
    else:
        show_render(events, bundle.manifest.licence.in_plain_words)
