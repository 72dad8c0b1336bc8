"""Sessions with something in them, for the tests of `session*.py`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile

from jukebox_studio.clip import Clip
from jukebox_studio.session import Session
from jukebox_studio.session_records import Variant, VariantState
from jukebox_studio.tempo import SongTime

WHEN = datetime(2026, 3, 1, 20, 15, tzinfo=UTC)
LATER = WHEN + timedelta(hours=1)
RATE_HZ = 8_000
SONG = SongTime.steady(120)


def sound(path: Path, length_samples: int = 400, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, length_samples)
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_24")
    return path


def clip_of(path: Path, name: str = "") -> Clip:
    return Clip(path, 0, 400, RATE_HZ, SONG, RATE_HZ, name=name)


def add_result(
    session: Session,
    job_id: int,
    number: int = 0,
    state: VariantState = "full",
) -> Variant:
    """A variant with a file of sound and one of codes, as an engine would leave it."""
    folder = session.job(job_id).results_folder
    path = sound(folder / f"{state}-{number}.wav", seed=number)
    codes = folder / f"{state}-{number}.safetensors"
    codes.write_bytes(b"codes")
    return session.record_variant(
        job_id,
        number,
        seed=2**64 - 1,
        state=state,
        audio_path=path,
        codes_path=codes,
        gain_db=-1.5,
        length_samples=400,
        rate_hz=RATE_HZ,
        remarks=("unknown artist",),
        when=WHEN,
    )


def add_tree(session: Session, source: Path) -> list[Variant]:
    """A clip, a job of two variants, and one made of the first of them."""
    clip = session.add_clip(clip_of(source, "Strophe ü"), when=WHEN)
    job = session.add_job(
        {"version": 1, "operation": "continue", "seed": 3},
        clip.id,
        when=WHEN,
        operation="continue",
        styles="Ada, hum",
        length_said="8 bars",
        model="starter",
    )
    first, second = (add_result(session, job.id, number) for number in range(2))
    session.set_job_state(job.id, "running")
    session.set_job_state(job.id, "finished")
    inner = session.add_job(
        {"version": 1, "operation": "restyle"},
        clip.id,
        parent_id=first.id,
        when=WHEN,
        operation="restyle",
    )
    return [first, second, add_result(session, inner.id)]


def state_of(session: Session) -> object:
    """All that is seen of a session."""
    clips, variants = session.clips(), session.variants()
    return clips, variants, session.jobs(), session.exports(), session.placements()
