"""The command `jukebox-studio evaluate`."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import torch
from cyclopts import Parameter
from rich.console import Console
from unidecode import unidecode  # type: ignore[import-untyped]

from jukebox_studio import audio
from jukebox_studio.bundle import VQVAE_FILE, Bundle, bundle_sha256, find_bundle
from jukebox_studio.command_types import Positive, Whole
from jukebox_studio.drawing import Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.request import Guidance, Sampling
from jukebox_studio.sampling_options import changed
from jukebox_studio.training.alignment import Aligner
from jukebox_studio.training.codes import CodedTrack, CodeWindows, encode_tracks
from jukebox_studio.training.conditions import (
    ConditionsReport,
    choose_windows,
    clip_key,
    conditions_report,
    measure_conditions,
)
from jukebox_studio.training.data import Sound, at_most_per_artist, decode_tracks, read_table
from jukebox_studio.training.evaluate import (
    NGRAM_ORDERS,
    EvaluationReport,
    LevelPart,
    evaluate,
    is_sung,
)
from jukebox_studio.training.held_out import data_folder, evaluation_cache
from jukebox_studio.training.kept import Kept, settings_key
from jukebox_studio.training.lyric_attention import (
    HeadScore,
    attention,
    score_heads,
    sung_windows,
)
from jukebox_studio.training.memorisation import KnownCodes
from jukebox_studio.training.musicnn import load_musicnn
from jukebox_studio.training.ngram import NGram
from jukebox_studio.training.pictures import draw_alignment, draw_continuations
from jukebox_studio.training.renders import ROWS, Render, Renderer, choose_clips
from jukebox_studio.training.report import (
    Section,
    aims_section,
    artists_section,
    bits_section,
    conditions_section,
    heads_section,
    reconstruction_section,
    samples_section,
    to_json,
    words_section,
)
from jukebox_studio.training.samples import (
    KeptEmbedder,
    Kind,
    Piece,
    SamplesReport,
    elsewhere_of,
    measure_samples,
    pieces_of,
)
from jukebox_studio.training.voice import VoiceDetector

Part = Literal["reconstruction", "bits", "conditions", "samples", "pictures"]
PARTS: tuple[Part, ...] = get_args(Part)


def evaluate_bundle(
    model: str,
    *,
    data: Path | None = None,
    out: Path | None = None,
    part: list[Part] | None = None,
    split: Literal["validation", "test"] = "test",
    windows_per_track: Positive = 8,
    minutes_per_artist: float = math.inf,
    clips: Positive = 200,
    samples: Positive = 200,
    seconds: float = 8.0,
    seed: Whole = 0,
    temperature: str = "",
    top_k: str = "",
    top_p: str = "",
    style_guidance: float | None = None,
    lyric_guidance: float | None = None,
    threads: Positive = 1,
    cache: Path | None = None,
    json_lines: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Measure a bundle on tracks that it was not trained on (docs/evaluation.md).

    Parameters
    ----------
    model
        Name or folder of the bundle.
    data
        The folder of music that its recipe makes; without it, the recipe makes one.
    out
        Folder for the report, the rendered samples and the pictures.
    part
        What to measure, once for each part; all of them by default.
    split
        Which held-out tracks.
    windows_per_track
        How many windows of each track the bits are measured on.
    minutes_per_artist
        As the priors were trained, so that the baselines learn from the same music.
    clips
        How many windows the conditions are measured on.
    samples
        How many continuations to render.
    seconds
        How long each continuation lasts.
    seed
        Seed of the continuations.
    temperature
        Of the continuations; else as the bundle recommends. By level: `0.98,0:0.9`.
    top_k
        Draw among the k likeliest codes only; 0 is off. By level too.
    top_p
        Draw among the likeliest codes that together have this probability; 0 is off. By level too.
    style_guidance
        How hard the continuations are led towards their artist, 0 being not at all; else as the
        bundle recommends.
    lyric_guidance
        The same towards their words, where they have any.
    threads
        Processor threads.
    cache
        Folder that keeps codes and what long parts have found, to go on with.
    json_lines
        Print the report as JSON.
    """
    torch.set_num_threads(threads)
    parts = [p for p in PARTS if p in (part or PARTS)]
    log = Console(stderr=True, markup=False, emoji=False)

    def told(what: str) -> None:
        log.print(what, style="dim", highlight=False)

    bundle = find_bundle(model)
    # Before the long work, so that what is wrong in it is told at once.
    drawings = changed(bundle.manifest.recommended, temperature, top_k, top_p)
    guidance = Guidance(style_guidance, lyric_guidance).over(bundle.manifest.guidance)
    needs_all = {"bits", "samples"} & set(parts)  # which learn from the other tracks
    folder = data_folder(bundle, data, told, None if needs_all else split)
    setting = _Setting(bundle, folder, split, minutes_per_artist, cache, told)
    # Into a file or a pipe, tables as wide as they are.
    width = None if sys.stdout.isatty() else 160
    console = Console(soft_wrap=True, quiet=json_lines, width=width, markup=False, emoji=False)
    found: dict[str, Any] = {
        "bundle": bundle.manifest.name,
        "manifest_sha256": setting.manifest_sha256,
        "split": split,
        "tracks": len(setting.held_out),
        "seconds": sum(len(s.samples) / s.rate_hz for s in setting.held_out),
        "sampling": drawings,
        "guidance": guidance,
    }
    console.print(
        f"{bundle.manifest.name} on {found['tracks']} {split} tracks, "
        f"{found['seconds'] / 60:.0f} minutes; means over pieces within a track, tracks within an "
        "artist, and artists"
    )
    sections: list[Section] = []

    def show(section: Section) -> None:
        sections.append(section)
        section.print(console)

    levels: EvaluationReport | None = None
    conditions: ConditionsReport | None = None
    rendered: SamplesReport | None = None
    level_parts: list[LevelPart] = [p for p in parts if p == "reconstruction" or p == "bits"]
    if level_parts:
        levels = evaluate(
            bundle,
            setting.tables,
            setting.train if "bits" in parts else [],
            setting.held_out,
            split=split,
            cache=setting.codes_cache,
            parts=level_parts,
            windows_per_track=windows_per_track,
            kept=setting.reconstructions,
            told=told,
        )
        found["levels"] = levels.levels
        if "reconstruction" in parts:
            show(reconstruction_section(levels))
        if "bits" in parts:
            show(bits_section(levels))
    if "conditions" in parts:
        found["conditions"] = conditions = _conditions(setting, clips)
        show(conditions_section(conditions))
    sampling = {n: Sampling().settled(drawing) for n, drawing in drawings.items()}
    how = _Rendering(seconds, seed, sampling, guidance)
    if "samples" in parts:
        found["samples"] = rendered = _samples(setting, samples, how, out)
        show(samples_section(rendered))
        show(words_section(rendered))
    if "pictures" in parts:
        drawn = _pictures(setting, how, out)
        found["pictures"] = drawn
        show(heads_section(drawn.heads))
    show(artists_section(levels, conditions, rendered))
    show(aims_section(levels, conditions, rendered))
    text = json.dumps(to_json(found), ensure_ascii=False)
    if out is not None:
        _make_folder(out)
        write_atomically(out / "evaluation.json", (text + "\n").encode())
        tables = "\n".join(section.to_markdown() for section in sections)
        write_atomically(out / "evaluation.md", tables.encode())
        told(f"written to {out}")
    if json_lines:
        print(text)


@dataclass(frozen=True)
class _Setting:
    """A bundle and the music it is measured on, each read when a part first asks for it."""

    bundle: Bundle
    folder: Path
    split: str
    minutes_per_artist: float
    given_cache: Path | None
    told: Callable[[str], None]

    @cached_property
    def manifest_sha256(self) -> str:
        return bundle_sha256(self.bundle.folder)

    @cached_property
    def tables(self) -> LabelTables:
        manifest = self.bundle.manifest
        versions = manifest.label_versions
        if len(versions) != 1:
            raise JukeboxError(f"{manifest.name} has labels of {len(versions)} versions, not 1.")
        return LabelTables.from_file(self.bundle.labels_path(versions[0]))

    @cached_property
    def sounds(self) -> list[Sound]:
        rate = self.bundle.manifest.sample_rate_hz
        return decode_tracks(read_table(self.folder), rate, self.folder / f"cache-{rate}")

    @cached_property
    def train(self) -> list[Sound]:
        train = [s for s in self.sounds if s.track.split == "train"]
        if not train:
            raise JukeboxError(f"{self.folder} has no train tracks for the n-grams to learn from.")
        return at_most_per_artist(train, 60.0 * self.minutes_per_artist)

    @cached_property
    def held_out(self) -> list[Sound]:
        held_out = [s for s in self.sounds if s.track.split == self.split]
        if not held_out:
            raise JukeboxError(f"{self.folder} has no {self.split} tracks to measure on.")
        return held_out

    @property
    def top(self) -> int:
        return max(self.bundle.manifest.priors)

    @property
    def codes_cache(self) -> Path:
        return self.given_cache / "codes" if self.given_cache else self.folder / "codes"

    @cached_property
    def found(self) -> Path:
        """What long parts have found of sounds, whatever bundle made them."""
        return (self.given_cache or evaluation_cache()) / "found"

    @cached_property
    def kept(self) -> Path:
        """What long parts have found of this bundle."""
        return self.found / self.manifest_sha256[:16]

    @property
    def reconstructions(self) -> Kept:
        digest = self.bundle.manifest.files[VQVAE_FILE].sha256
        return Kept(self.found / f"reconstructions-{digest[:16]}.json")

    @cached_property
    def coded(self) -> list[CodedTrack]:
        """The held-out tracks in codes of all levels."""
        self.told("encoding the held-out tracks")
        return encode_tracks(load_vqvae(self.bundle), self.held_out, self.codes_cache)


@dataclass(frozen=True)
class _Rendering:
    """How continuations are made."""

    seconds: float
    seed: int
    sampling: dict[int, Sampling]
    """By level."""
    guidance: Leading


def _conditions(setting: _Setting, clips: int) -> ConditionsReport:
    prior = load_prior(setting.bundle, setting.top)
    windows = CodeWindows(setting.coded, prior.config, setting.tables, seed=0)
    rows = choose_windows(windows, clips)
    key = settings_key(folder=setting.folder.resolve(), split=setting.split, clips=clips)
    kept = Kept(setting.kept / f"conditions-{key}.json")
    found = []
    for i, clip in measure_conditions(prior, windows, setting.tables, rows, known=kept.pieces):
        flat = {f"{name}.{n}": v for name, values in clip.items() for n, v in values.items()}
        kept.add(clip_key(*rows[i]), flat)
        found.append(clip)
        if i % 20 == 0:
            setting.told(f"conditions: window {i + 1} of {len(rows)}")
    kept.write()
    return conditions_report(prior, rows, found, lambda coded: is_sung(coded.track))


def _samples(setting: _Setting, count: int, how: _Rendering, out: Path | None) -> SamplesReport:
    manifest = setting.bundle.manifest
    rate, top = manifest.sample_rate_hz, setting.top
    hops = {level: manifest.vqvae.hop_samples(level) for level in {0, top}}
    # What may be missing is asked for first, not after an hour of rendering.
    voices, aligner = VoiceDetector(), Aligner()
    weights = setting.given_cache or evaluation_cache()
    embedder = KeptEmbedder(load_musicnn(weights / "musicnn"), weights / "embeddings")
    renderer = Renderer(setting.bundle, setting.tables, how.seed, how.sampling, how.guidance)
    clips = choose_clips(setting.held_out, count, hops[top], how.seconds)
    key = settings_key(folder=setting.folder.resolve(), split=setting.split, n=count, **asdict(how))
    folder = setting.kept / f"samples-{key}"
    renders = []
    for render in renderer.render(clips, folder / "renders"):
        renders.append(render)
        if len(renders) % ROWS == 0:
            setting.told(f"samples: {len(renders)} of {len(clips)} continuations rendered")
    setting.told("samples: encoding the training tracks")
    known = encode_tracks(renderer.vqvae, setting.train, setting.codes_cache, levels=sorted(hops))
    codes = {level: [np.asarray(t.levels[level]) for t in known] for level in hops}
    size = manifest.vqvae.codebook_size
    ngram = NGram(codes[top], size, NGRAM_ORDERS)
    pieces = list(pieces_of(renders, renderer, setting.coded, ngram))
    if out is not None:
        _write_samples(out / "samples", pieces, rate)
    return measure_samples(
        pieces,
        elsewhere_of(clips),
        rate_hz=rate,
        hops=hops,
        embedder=embedder,
        voices=voices,
        aligner=aligner,
        known={level: KnownCodes(tracks, size) for level, tracks in codes.items()},
        kept=Kept(setting.found / "heard.json"),
        told=setting.told,
    )


def _write_samples(out: Path, pieces: list[tuple[Kind, Piece]], rate_hz: int) -> None:
    """Prompt and continuation, and beside it prompt and what really follows, decoded."""
    _make_folder(out)
    for kind, piece in pieces:
        if kind in ("continuation", "reconstruction"):
            sound = np.concatenate([piece.clip.prompt, piece.audio])
            audio.write(out / f"{piece.clip.name}-{kind}.flac", sound, rate_hz, subtype="PCM_16")


@dataclass(frozen=True)
class PicturesReport:
    files: tuple[Path, ...]
    heads: tuple[HeadScore, ...]
    """Every head that looks at words, the best first; none for a bundle without words."""


def _pictures(setting: _Setting, how: _Rendering, out: Path | None) -> PicturesReport:
    folder = out or Path("evaluation")
    _make_folder(folder)
    manifest = setting.bundle.manifest
    rate, top_hop = manifest.sample_rate_hz, manifest.vqvae.hop_samples(setting.top)
    renderer = Renderer(setting.bundle, setting.tables, how.seed, how.sampling, how.guidance)
    artists = sorted({s.track.artist for s in setting.held_out})
    clips = choose_clips(setting.held_out, 2 * len(artists), top_hop, how.seconds)
    key = settings_key(folder=setting.folder.resolve(), split=setting.split, **asdict(how))
    files, by_artist = [], dict[str, list[Render]]()
    for render in renderer.render(clips, setting.kept / f"pictures-{key}"):
        by_artist.setdefault(render.clip.track.artist, []).append(render)
    for artist, renders in by_artist.items():
        rows = []
        for render in renders:
            clip = render.clip
            rows.append((f"track {clip.number}", np.concatenate([clip.prompt, clip.real])))
            rows.append((f"model {clip.number}", np.concatenate([clip.prompt, render.audio])))
        path = folder / f"continuations-{_file_name(artist)}.png"
        joint = renders[0].clip.prompt_samples / rate
        draw_continuations(path, artist, rows, joint, rate)
        files.append(path)
        setting.told(f"pictures: {path}")
    heads: list[HeadScore] = []
    prior = renderer.priors[setting.top]
    if prior.config.lyrics:
        windows = CodeWindows(setting.coded, prior.config, setting.tables, seed=0)
        if chosen := sung_windows(windows, 2):
            heads = score_heads(prior, windows, chosen)
            window, best = chosen[len(chosen) // 2], heads[0]
            weights = attention(prior, windows, window)[best.layer][best.head]
            path = folder / "lyric-alignment.png"
            draw_alignment(path, window, weights, best, setting.tables.version, top_hop / rate)
            files.append(path)
    return PicturesReport(tuple(files), tuple(heads))


def _file_name(artist: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", unidecode(artist).lower())) or "unnamed"


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JukeboxError(
            f"{out} cannot be used as the folder of results: {error.strerror}. Choose another."
        ) from error
