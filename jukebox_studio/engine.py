"""Runs requests on a bundle, as a generator of events. It knows no screen and no DAW."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio import audio, provenance, seam
from jukebox_studio.bundle import MANIFEST, Bundle, check_usable
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, Loading, Note, Progress, VariantFinished
from jukebox_studio.files import write_atomically
from jukebox_studio.job import JobFolder
from jukebox_studio.memory import size_text
from jukebox_studio.model.config import PriorConfig
from jukebox_studio.model.labels import Label, LabelBatch, Labeller, LabelTables, fit_timing
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.operations import HOP_FRACTION, ContinuePlan, plan_continue
from jukebox_studio.request import FILE_FORMATS, ContinueRequest
from jukebox_studio.sampling.song import LevelSettings, drawn, sample_windows

SHORTEST_CLIP_SECONDS = 0.1
_PROGRESS_SECONDS = 0.1

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class _Prompt:
    """The end of a clip, ready for the model."""

    tail: Samples
    """[J, C] at the clip's rate: what the result is joined to."""
    mono: Samples
    """[plan.prompt_samples] at the model's rate."""
    rate_hz: int
    channels: int


def continue_clip(
    bundle: Bundle, request: ContinueRequest, out: Path, job: Path | None = None
) -> Iterator[Event]:
    """Render a request: `request.variants` files in `out` that go on where the clip stops.

    Yields Loading, Note, Progress and, for each file, VariantFinished. Leave the generator to
    cancel. Raises JukeboxError before any work where the clip, the model or the folder will not do;
    no file is ever left half-written.

    `job` is a folder that keeps what is done: called again with it after whatever stopped a render,
    the same codes and files come out as if nothing had. Raises JukeboxError where it belongs to
    another request.
    """
    check_usable(bundle)
    manifest = bundle.manifest
    plan, prompt = _read_prompt(bundle, request)
    _check_room(out, request, prompt.channels)
    labels, notes = _labels(bundle, request, plan)
    for note in notes:
        yield Note(note)

    yield Loading(f"{manifest.name}: VQ-VAE")
    vqvae = load_vqvae(bundle)
    codes = [
        c.expand(request.variants, -1) for c in _encode_prompt(vqvae, torch.from_numpy(prompt.mono))
    ]
    kept = JobFolder.open(job, bundle, request) if job else None
    bottom = yield from _sample(bundle, request, plan, codes, labels, kept)

    for variant in range(request.variants):
        if kept and (finished := kept.finished(variant)):
            yield finished
            continue
        made, gain_db = _decode(vqvae, bottom[variant], plan, prompt, request.length_samples)
        finished = _write(bundle, request, out, variant, made, prompt.rate_hz, gain_db, notes)
        if kept:
            kept.finish(finished)
        yield finished


def _read_prompt(bundle: Bundle, request: ContinueRequest) -> tuple[ContinuePlan, _Prompt]:
    """The plan, and the clip's end. Reads no more of the file than the model can see."""
    manifest = bundle.manifest
    info = audio.check(request.clip_path)
    if info.length_seconds < SHORTEST_CLIP_SECONDS:
        raise JukeboxError(
            f"{request.clip_path} lasts {info.length_seconds:.3f} s; a clip needs at least "
            f"{SHORTEST_CLIP_SECONDS:g} s to be continued."
        )
    rate = manifest.sample_rate_hz
    top = manifest.priors[max(manifest.priors)]
    # A second more than the context, for the resampler's own reach.
    seen = round((top.sample_length / rate + 1.0) * info.rate_hz)
    start = max(0, info.length_samples - seen)
    clip = audio.read(request.clip_path, start_samples=start).samples
    mono = audio.resample(audio.to_mono(clip), info.rate_hz, rate)
    plan = plan_continue(
        manifest.vqvae,
        manifest.priors,
        clip_samples=len(mono),
        clip_rate_hz=info.rate_hz,
        length_samples=request.length_samples,
    )
    if not plan.prompt_samples:
        raise JukeboxError(f"{request.clip_path} is shorter than one code of {manifest.name}.")
    joint = round(plan.tail_samples * info.rate_hz / rate)
    return plan, _Prompt(clip[-joint:], mono[-plan.prompt_samples :], info.rate_hz, clip.shape[1])


def _check_room(out: Path, request: ContinueRequest, channels: int) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out).free
    except OSError as error:
        raise JukeboxError(
            f"{out} cannot be used as the folder of results: {error.strerror}. Choose another."
        ) from error
    # Float samples at most, and a little for the descriptions.
    needed = request.variants * (request.length_samples * channels * 4 + 65_536)
    if free < needed:
        raise JukeboxError(
            f"{out} has {size_text(free)} free, and the results need {size_text(needed)}. "
            "Make room or choose another folder."
        )


def _labels(
    bundle: Bundle, request: ContinueRequest, plan: ContinuePlan
) -> tuple[dict[int, LabelBatch], list[str]]:
    """What each level is told, and what the musician should know about it."""
    labels: dict[int, LabelBatch] = {}
    notes: dict[str, None] = {}
    sings = any(c.lyrics for c in bundle.manifest.priors.values())
    if (request.lyrics or "").strip() and not sings:
        notes[f"{bundle.manifest.name} was not trained on words, so the lyrics are not used."] = (
            None
        )
    for level, config in bundle.manifest.priors.items():
        if config.labels is None:
            continue
        label = _label(bundle, request, plan, config, notes)
        labels[level] = LabelBatch.of([label] * request.variants)
    return labels, list(notes)


def _label(
    bundle: Bundle,
    request: ContinueRequest,
    plan: ContinuePlan,
    config: PriorConfig,
    notes: dict[str, None],
) -> Label:
    assert config.labels is not None
    tables = LabelTables.from_file(bundle.labels_path(config.labels.version))
    total, offset = fit_timing(config, plan.total_samples, 0)
    if total > plan.total_samples:
        notes[
            f"{bundle.manifest.name} knows songs from {total / config.sample_rate_hz:.0f} s up, so "
            "it is told that this one lasts as long."
        ] = None
    longest = config.labels.max_duration_seconds
    if longest is not None and plan.total_samples > total:
        raise JukeboxError(
            f"Clip and continuation would last {plan.total_samples / config.sample_rate_hz:.0f} s; "
            f"{bundle.manifest.name} knows songs up to {longest:g} s. Ask for fewer bars."
        )
    label = Labeller.for_prior(config, tables).label(
        artist=request.artist,
        genre=request.genre,
        lyrics=request.lyrics if config.lyrics else "",
        total_samples=total,
        offset_samples=offset,
    )
    for note in label.notes:
        notes[note] = None
    return label


@torch.no_grad()
def _encode_prompt(vqvae: VQVAE, mono: Tensor) -> list[Tensor]:
    """Codes of a prompt at every level, Tensor[1, T / hop].

    An encoder looks ahead. Silence after the prompt would colour its last codes, so it is given
    the prompt mirrored in time instead, whose codes are then dropped.
    """
    codes = []
    for level in range(vqvae.config.levels):
        hop = vqvae.config.hop_samples(level)
        reach = -(-vqvae.config.encoder_receptive_samples(level) // (2 * hop)) * hop
        padded = torch.from_numpy(np.pad(mono.numpy(), (0, reach), mode="reflect"))
        encoded = vqvae.encode_chunked(padded[None, :, None], level)
        codes.append(encoded[:, : len(mono) // hop])
    return codes


def _sample(
    bundle: Bundle,
    request: ContinueRequest,
    plan: ContinuePlan,
    codes: Sequence[Tensor],
    labels: dict[int, LabelBatch],
    kept: JobFolder | None,
) -> Generator[Event, None, Tensor]:
    """Sample all levels from the top down; returns the codes of the bottom, Tensor[B, T]."""
    priors = bundle.manifest.priors
    shape = request.sampling
    settings = {
        level: LevelSettings(
            hop_fraction=HOP_FRACTION["top" if level == max(priors) else "lower"],
            temperature=shape.temperature,
            top_k=shape.top_k,
            top_p=shape.top_p,
        )
        for level in priors
    }
    picks = drawn(request.seed, range(request.variants), settings)
    clock = _Clock(bundle, plan, request.variants)
    above: Tensor | None = None
    for level in sorted(priors, reverse=True):
        made = kept.codes(level) if kept else None
        if made is None:
            made = codes[level]
        windows = [w for w in plan.windows[level] if w.end > made.shape[1]]
        if windows:
            yield Loading(f"{bundle.manifest.name}: level {level}")
            prior = load_prior(bundle, level)
        clock.start(level, skipped=plan.new_codes(level) - sum(w.new for w in windows))
        for window in windows:
            steps = sample_windows(
                prior,
                made,
                [window],
                picks=picks,
                above=above if prior.config.conditioner else None,
                labels=labels.get(level),
                settings=settings[level],
            )
            while True:
                try:
                    step = next(steps)
                except StopIteration as finished:
                    made = finished.value
                    break
                if progress := clock.tick(step.done):
                    yield progress
            clock.window_done(step.done)
            if kept:
                kept.keep(level, made)
        above = made
    assert above is not None
    return above


class _Clock:
    """Turns codes done into time left, over all levels."""

    def __init__(self, bundle: Bundle, plan: ContinuePlan, variants: int) -> None:
        # Until a level has run, its cost per code is taken to go by the size of its weights.
        files = bundle.manifest.files
        self._weight = {
            level: files[bundle.prior_path(level).name].size_bytes for level in plan.windows
        }
        self._variants = variants
        self._codes = {level: plan.new_codes(level) * variants for level in plan.windows}

    def start(self, level: int, skipped: int) -> None:
        """Begin a level, of which an earlier run made `skipped` codes per variant."""
        self._level = level
        self._skipped = self._before = skipped * self._variants
        self._started = self._told = time.monotonic()

    def window_done(self, done: int) -> None:
        self._before += done

    def tick(self, done_in_window: int) -> Progress | None:
        """Progress where it is time for some."""
        now = time.monotonic()
        level = self._level
        done, total = self._before + done_in_window, self._codes[level]
        if done < total and now - self._told < _PROGRESS_SECONDS:
            return None
        self._told = now
        rate = (done - self._skipped) / max(now - self._started, 1e-9)
        left = (total - done) / rate
        for lower in range(level):
            left += self._codes[lower] / rate * self._weight[lower] / self._weight[level]
        return Progress(level, done, total, rate, left)


@torch.no_grad()
def _decode(
    vqvae: VQVAE, codes: Tensor, plan: ContinuePlan, prompt: _Prompt, length_samples: int
) -> tuple[Samples, float]:
    """Audio [length_samples, C] at the clip's rate from bottom codes Tensor[T], and its gain."""
    rate = vqvae.config.sample_rate_hz
    hop = vqvae.config.hop_samples(0)
    first = max(
        0,
        (plan.prompt_samples - plan.tail_samples) // hop - vqvae.config.decoder_halo_codes(0),
    )
    decoded = vqvae.decode_chunked(codes[None, first:], 0)[0, :, 0].numpy()
    decoded = decoded[plan.prompt_samples - plan.tail_samples - first * hop :]
    decoded = audio.resample(decoded, rate, prompt.rate_hz)
    joint = len(prompt.tail)
    gain_db = seam.matching_gain_db(audio.to_mono(prompt.tail), decoded[:joint], prompt.rate_hz)
    decoded = decoded * np.float32(10 ** (gain_db / 20))
    made = seam.continue_from(prompt.tail, decoded[: joint + length_samples], prompt.rate_hz)
    if len(made) != length_samples:
        raise AssertionError(f"{len(made)} samples were made, {length_samples} planned.")
    return made, gain_db


def _write(
    bundle: Bundle,
    request: ContinueRequest,
    out: Path,
    variant: int,
    made: Samples,
    rate_hz: int,
    gain_db: float,
    notes: Sequence[str],
) -> VariantFinished:
    """The file and its description; both or neither."""
    path = _free_name(out, request, variant)
    licence = bundle.manifest.licence
    asked = request.to_json()
    told = provenance.Provenance(
        program=f"jukebox-studio {version('jukebox-studio')}",
        model=bundle.manifest.name,
        bundle_sha256=hashlib.sha256((bundle.folder / MANIFEST).read_bytes()).hexdigest(),
        licence=licence.name,
        notice=licence.in_plain_words,
        operation=asked["operation"],
        seed=request.seed,
        variant=variant,
        request_sha256=provenance.request_sha256(asked),
    )
    _, subtype = FILE_FORMATS[request.file_format]
    clipped = provenance.write(path, made, rate_hz, told, subtype=subtype)
    description = {
        "program": told.program,
        "request": asked,
        "seed": request.seed,
        "variant": variant,
        "model": {"name": told.model, "manifest_sha256": told.bundle_sha256},
        "licence": {
            "name": licence.name,
            "commercial_use": licence.commercial_use,
            "disclosure": licence.disclosure,
        },
        "audio": {
            "file": path.name,
            "rate_hz": rate_hz,
            "length_samples": len(made),
            "channels": made.shape[1],
            "gain_db": round(gain_db, 3),
            "values_clipped": clipped,
        },
        "notes": list(notes),
    }
    text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
    described = path.with_suffix(".json")
    try:
        write_atomically(described, text.encode())
    except JukeboxError:
        path.unlink()
        raise
    return VariantFinished(variant, path, described, len(made), rate_hz)


def _free_name(out: Path, request: ContinueRequest, variant: int) -> Path:
    """A name that no earlier result has, and that every file system takes."""
    # File systems take 255 bytes; what follows the clip's own name needs fewer than 100.
    clip = request.clip_path.stem.encode()[:120].decode(errors="ignore")
    stem = f"{clip}-continue-seed{request.seed}-{variant + 1}"
    number, name = 1, stem
    suffix, _ = FILE_FORMATS[request.file_format]
    while any((out / f"{name}{taken}").exists() for taken in (suffix, ".json")):
        number += 1
        name = f"{stem}-take{number}"
    return out / f"{name}{suffix}"
