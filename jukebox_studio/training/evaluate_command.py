"""The command `jukebox-studio evaluate`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import torch
from cyclopts import Parameter
from rich.console import Console

from jukebox_studio.bundle import MANIFEST, Bundle, find_bundle
from jukebox_studio.command_types import Positive, Whole
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.training.codes import CodedTrack, CodeWindows, encode_tracks
from jukebox_studio.training.conditions import (
    ConditionsReport,
    choose_windows,
    clip_key,
    conditions_report,
    measure_conditions,
)
from jukebox_studio.training.data import Sound, at_most_per_artist, decode_tracks, read_table
from jukebox_studio.training.evaluate import LevelPart, evaluate, is_sung
from jukebox_studio.training.held_out import data_folder, evaluation_cache
from jukebox_studio.training.kept import Kept, settings_key
from jukebox_studio.training.report import (
    print_bits,
    print_conditions,
    print_reconstruction,
    to_json,
)

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
    threads
        Processor threads.
    cache
        Folder that keeps codes and what long parts have found, to go on with.
    json_lines
        Print the report as JSON.
    """
    torch.set_num_threads(threads)
    parts = [p for p in PARTS if p in (part or PARTS)]
    log = Console(stderr=True)

    def told(what: str) -> None:
        log.print(what, style="dim", highlight=False)

    bundle = find_bundle(model)
    folder = data_folder(bundle, data, told)
    setting = _Setting(bundle, folder, split, minutes_per_artist, cache, told)
    console = Console(soft_wrap=True, quiet=json_lines)
    found: dict[str, Any] = {
        "bundle": bundle.manifest.name,
        "manifest_sha256": setting.manifest_sha256,
        "split": split,
        "tracks": len(setting.held_out),
        "seconds": sum(len(s.samples) / s.rate_hz for s in setting.held_out),
    }
    console.print(
        f"{bundle.manifest.name} on {found['tracks']} {split} tracks, "
        f"{found['seconds'] / 60:.0f} minutes; means over pieces within a track, tracks within an "
        "artist, and artists"
    )
    level_parts: list[LevelPart] = [p for p in parts if p == "reconstruction" or p == "bits"]
    if level_parts:
        report = evaluate(
            bundle,
            setting.tables,
            setting.train if "bits" in parts else [],
            setting.held_out,
            split=split,
            cache=setting.codes_cache,
            parts=level_parts,
            windows_per_track=windows_per_track,
            told=told,
        )
        found["levels"] = report.levels
        if "reconstruction" in parts:
            print_reconstruction(console, report)
        if "bits" in parts:
            print_bits(console, report)
    if "conditions" in parts:
        conditions = _conditions(setting, clips)
        found["conditions"] = conditions
        print_conditions(console, conditions)
    text = json.dumps(to_json(found), ensure_ascii=False)
    if out is not None:
        _make_folder(out)
        write_atomically(out / "evaluation.json", (text + "\n").encode())
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
        return hashlib.sha256((self.bundle.folder / MANIFEST).read_bytes()).hexdigest()

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
    def kept(self) -> Path:
        """What long parts have found of this bundle."""
        folder = self.given_cache or evaluation_cache()
        return folder / "found" / self.manifest_sha256[:16]

    @cached_property
    def coded(self) -> list[CodedTrack]:
        """The held-out tracks in codes of all levels."""
        self.told("encoding the held-out tracks")
        return encode_tracks(load_vqvae(self.bundle), self.held_out, self.codes_cache)


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


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JukeboxError(
            f"{out} cannot be used as the folder of results: {error.strerror}. Choose another."
        ) from error
