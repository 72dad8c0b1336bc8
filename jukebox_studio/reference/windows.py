"""Whole songs against the golden vectors: labels of every window, all levels, lyric alignment.

Which models belong to `windows/NAME` follows from the name: the top prior is the one whose
hyper-parameters are named NAME_prior_level_N or, failing that, begin with NAME; every lower level
is upsampler_level_N.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.labels import LabelBatch, Labeller
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.reference.folder import ReferenceFolder, Report
from jukebox_studio.reference.labels import reference_tables
from jukebox_studio.reference.prior import load_reference_prior
from jukebox_studio.reference.vqvae import LEAST_MARGIN, code_margin, load_reference_vqvae
from jukebox_studio.sampling.guidance import Pick
from jukebox_studio.sampling.saved import SavedSong, saved_song
from jukebox_studio.sampling.song import (
    LevelSettings,
    Picks,
    align_lyrics,
    empty_codes,
    greedy,
    sample_song,
    sample_windows,
)
from jukebox_studio.sampling.windows import Window, extension, hop_codes, window_starts

GAP = 4e-4
"""Of the difference of two logits, each known to 2e-4."""


class _Arrays(dict[str, np.ndarray]):
    """Remembers which arrays were looked at: one that no check knows is a failure."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__(arrays)
        self.left = set(arrays)

    def __getitem__(self, key: str) -> np.ndarray:
        self.left.discard(key)
        return super().__getitem__(key)


class _Gaps:
    """Greedy `Picks` that remember the smallest lead of a chosen code over the next."""

    def __init__(self) -> None:
        self.least = float("inf")

    def __call__(self, level: int, window: Window, rows: slice) -> Pick:
        def pick(logits: Tensor, position: int) -> Tensor:
            best = logits.topk(2, dim=1)
            lead = float((best.values[:, 0] - best.values[:, 1]).min())
            self.least = min(self.least, lead)
            return best.indices[:, 0]

        return pick


@dataclass(frozen=True)
class _Song:
    """One `windows/NAME`: its models, its settings and what the original made of them."""

    case: str
    settings: Mapping[str, Any]
    arrays: _Arrays
    vqvae: VQVAE
    priors: Mapping[int, Prior]
    labels: Mapping[int, LabelBatch]
    levels: Mapping[int, LevelSettings]

    @property
    def top(self) -> int:
        return max(self.priors)

    @property
    def samples(self) -> int:
        return int(self.settings["sample_length"])

    def codes_in(self, level: int) -> int:
        return self.samples // self.priors[level].config.hop_samples

    def made_levels(self, prefix: str = "") -> list[int]:
        """The levels of which there are codes, from the top down without a gap."""
        return [n for n in sorted(self.priors, reverse=True) if f"{prefix}z{n}" in self.arrays]

    def sample(self, codes: list[Tensor], levels: list[int], picks: Picks = greedy) -> list[Tensor]:
        """Greedy codes of `levels`, going on from `codes` of all levels."""
        return _result(
            sample_song(
                self.priors,
                codes,
                self.samples,
                picks=picks,
                labels=self.labels,
                settings=self.levels,
                levels=levels,
            )
        )


def check(folder: ReferenceFolder, report: Report) -> None:
    """Run every case of `windows/`."""
    for path in folder.names("windows", ".npz"):
        case = path.removesuffix(".npz")
        with report.section(case):
            song = _load(folder, case)
            for name, run in (
                ("settings", _check_settings),
                ("labels", _check_labels),
                ("windows", _check_windows),
                ("codes", _check_codes),
                ("alignment", _check_alignment),
                ("primed", _check_primed),
                ("partial", _check_partial),
            ):
                with report.section(f"{case}/{name}"):
                    run(folder, report, song)
            for saved in folder.names("windows", ".pth.tar"):
                if match := re.fullmatch(rf"{re.escape(case)}_level_(\d+)_data\.pth\.tar", saved):
                    with report.section(saved):
                        data = saved_song(folder.checkpoint(saved), saved)
                        _check_resumed(report, song, data, saved, int(match[1]))
            left = ", ".join(sorted(song.arrays.left))
            detail = f"no check knows {left}" if left else "none left over"
            report.true(f"{case}/arrays", not left, detail)


def _load(folder: ReferenceFolder, case: str) -> _Song:
    settings, arrays = folder.json(f"{case}.json"), _Arrays(folder.arrays(f"{case}.npz"))
    top_name = _top_model(folder, case.removeprefix("windows/"))
    top = load_reference_prior(folder, top_name)
    # A lower level belongs to this song if codes of it were made.
    lower = [n for n in range(top.config.level) if f"z{n}" in arrays]
    priors = {top.config.level: top}
    priors |= {n: load_reference_prior(folder, f"upsampler_level_{n}") for n in lower}
    full_tokens = tuple(tuple(full) for full in settings["full_tokens"])
    levels = {}
    for level in priors:
        kind = "top" if level == top.config.level else "lower"
        levels[level] = LevelSettings(
            hop_fraction=settings["hop_fraction"][level],
            chunk_size=settings[f"chunk_size_{kind}"],
            most_rows=settings.get(f"max_batch_size_{kind}", settings["n_samples"]),
        )
    return _Song(
        case=case,
        settings=settings,
        arrays=arrays,
        vqvae=load_reference_vqvae(folder),
        priors=priors,
        labels={level: LabelBatch(arrays[f"y{level}"], full_tokens) for level in priors},
        levels=levels,
    )


def _top_model(folder: ReferenceFolder, name: str) -> str:
    models = [n.removeprefix("hparams/") for n in folder.names("hparams", ".json")]
    models = [n.removesuffix(".json") for n in models]
    exact = [n for n in models if re.fullmatch(rf"{re.escape(name)}_prior_level_\d+", n)]
    found = exact or [n for n in models if n.startswith(f"{name}_")]
    if len(found) != 1:
        raise JukeboxError(f"{len(found)} models in hparams/ could be the top prior of {name}.")
    return found[0]


def _check_settings(folder: ReferenceFolder, report: Report, song: _Song) -> None:
    """What the file says of itself beside what is sampled with."""
    ours = {
        "levels": song.vqvae.config.levels,
        "n_samples": len(song.labels[song.top].y),
        "sr": song.vqvae.config.sample_rate_hz,
        "top_k": 1,
        "total_length_top": song.codes_in(song.top),
    }
    wrong = [key for key in ours if song.settings.get(key, ours[key]) != ours[key]]
    report.true(f"{song.case}/settings", not wrong, ", ".join(wrong) or "exact")


def _check_labels(folder: ReferenceFolder, report: Report, song: _Song) -> None:
    """The labels of the whole song, where its file says whose they are."""
    metas = song.settings["metas"]
    if metas is None:
        return
    for level, prior in song.priors.items():
        config = prior.config
        assert config.labels is not None
        labeller = Labeller(
            reference_tables(folder, config.labels.version),
            config.labels.max_genres,
            config.lyrics.n_tokens if config.lyrics else 0,
            config.sample_length,
        )
        made = LabelBatch.of(
            [
                labeller.label(
                    artist=meta["artist"],
                    genre=meta["genre"],
                    lyrics=meta["lyrics"],
                    total_samples=meta["total_length"],
                    offset_samples=meta["offset"],
                )
                for meta in metas
            ]
        )
        report.exact(f"{song.case}/y{level}", made.y, song.arrays[f"y{level}"])
        if level == song.top:
            same = made.full_tokens == song.labels[level].full_tokens
            report.true(f"{song.case}/full_tokens", same)


def _check_windows(folder: ReferenceFolder, report: Report, song: _Song) -> None:
    """Where windows start, and what the model is told in each."""
    for level, prior in song.priors.items():
        n_ctx = prior.config.n_ctx
        hop = hop_codes(song.levels[level].hop_fraction, n_ctx)
        starts = window_starts(song.codes_in(level), n_ctx, hop)
        report.exact(f"{song.case}/starts{level}", starts, song.arrays[f"starts{level}"])
    top = song.priors[song.top].config
    n_tokens = top.lyrics.n_tokens if top.lyrics else 0
    moved = [
        song.labels[song.top].at(int(start) * top.hop_samples, top.sample_length, n_tokens)
        for start in song.arrays[f"starts{song.top}"]
    ]
    name = f"y{song.top}_windows"
    report.exact(f"{song.case}/{name}", np.stack([y for y, _ in moved]), song.arrays[name])
    want = song.arrays["lyric_indices_windows"]
    indices = np.stack([indices for _, indices in moved])
    # Without lyrics the original lists nothing for each window, not nothing for each row.
    got = indices if n_tokens else indices[:, 0]
    report.exact(f"{song.case}/lyric_indices_windows", got, want)


def _check_codes(folder: ReferenceFolder, report: Report, song: _Song) -> None:
    """All levels from nothing, and their audio."""
    batch = song.settings["n_samples"]
    gaps = _Gaps()
    made = song.sample(empty_codes(batch, song.top + 1), song.made_levels(), gaps)
    report.close(f"{song.case}/min_gap", gaps.least, song.arrays["min_gap"], atol=GAP)
    for level in song.made_levels():
        report.exact(f"{song.case}/z{level}", made[level], song.arrays[f"z{level}"])
    for level in sorted(song.priors, reverse=True):
        if f"x{level}" in song.arrays:
            codes = torch.from_numpy(song.arrays[f"z{level}"])
            audio = _decode(song.vqvae, codes, level)
            report.close(f"{song.case}/x{level}", audio, song.arrays[f"x{level}"], atol=1e-5)


def _check_alignment(folder: ReferenceFolder, report: Report, song: _Song) -> None:
    prior = song.priors[song.top]
    lyrics = prior.config.lyrics
    told = [song.settings["alignment_layer"], song.settings["alignment_head"]]
    ours = [lyrics.alignment_layer, lyrics.alignment_head] if lyrics else [None, None]
    report.true(f"{song.case}/alignment_head", told == ours, f"{ours}, expected {told}")
    if ours[0] is None:
        return
    codes = torch.from_numpy(song.arrays[f"z{song.top}"])
    tables = _result(align_lyrics(prior, codes, song.labels[song.top], song.levels[song.top]))
    for item, table in enumerate(tables):
        name = f"alignment{item}"
        want = song.arrays[name]
        if want.size == 0:  # no lyrics
            report.exact(f"{song.case}/{name}", table, want)
        else:
            report.close(f"{song.case}/{name}", table, want, atol=1e-5)


def _check_primed(folder: ReferenceFolder, report: Report, song: _Song) -> None:
    """All levels going on from encoded audio."""
    if "prompt_x" not in song.arrays:
        return
    prompt = []
    for level in range(song.vqvae.config.levels):
        name = f"prompt_z{level}"
        codes, margin = _encode(song.vqvae, torch.from_numpy(song.arrays["prompt_x"]), level)
        report.codes(f"{song.case}/{name}", codes, song.arrays[name], margin, LEAST_MARGIN)
        # From the recorded codes, so that one within float noise does not change all that follow.
        prompt.append(torch.from_numpy(song.arrays[name]))
    levels = song.made_levels("primed_")
    gaps = _Gaps()
    made = song.sample(prompt, levels, gaps)
    name = "primed_min_gap"
    report.close(f"{song.case}/{name}", gaps.least, song.arrays[name], atol=GAP)
    for level in levels:
        name = f"primed_z{level}"
        report.exact(f"{song.case}/{name}", made[level], song.arrays[name])


def _check_partial(folder: ReferenceFolder, report: Report, song: _Song) -> None:
    """Fewer codes than one window: the original adds as many as asked for to what is there."""
    first = f"partial_z{song.top}"
    if first not in song.arrays:
        return
    prior = song.priors[song.top]
    new = song.arrays[first].shape[1]
    names = [n for n in song.arrays if re.fullmatch(rf"partial_from\d+_z{song.top}", n)]
    for name in (first, *names):
        want = song.arrays[name]
        # The codes already there are the first of the song from nothing.
        there = torch.from_numpy(song.arrays[f"z{song.top}"][:, : want.shape[1] - new])
        window = extension(there.shape[1], new, prior.config.n_ctx)
        made = _result(
            sample_windows(
                prior,
                there,
                [window],
                picks=greedy,
                labels=song.labels[song.top],
                settings=song.levels[song.top],
            )
        )
        report.exact(f"{song.case}/{name}", made, want)


def _check_resumed(
    report: Report, song: _Song, saved: SavedSong, case: str, saved_level: int
) -> None:
    """What the original saved after a level, and the levels below made from it."""
    for level in sorted(song.priors):
        labels = saved.labels[level]
        report.exact(f"{case}/labels{level}", labels.y, song.labels[level].y)
        if level == song.top:
            same = labels.full_tokens == song.labels[level].full_tokens
            report.true(f"{case}/full_tokens", same)
        if level >= saved_level:
            report.exact(f"{case}/z{level}", saved.codes[level], song.arrays[f"z{level}"])
    assert saved.audio is not None
    audio = _decode(song.vqvae, saved.codes[saved_level], saved_level)
    report.close(f"{case}/x", audio, saved.audio, atol=1e-5)
    below = [level for level in song.made_levels() if level < saved_level]
    made = replace(song, labels=saved.labels).sample(saved.codes, below)
    for level in below:
        report.exact(f"{case}/resumed_z{level}", made[level], song.arrays[f"z{level}"])


def _result(steps: Any) -> Any:
    """What a generator of progress returns in the end."""
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return finished.value


@torch.no_grad()
def _decode(vqvae: VQVAE, codes: Tensor, level: int) -> Tensor:
    return vqvae.decode([codes], level)


@torch.no_grad()
def _encode(vqvae: VQVAE, audio: Tensor, level: int) -> tuple[Tensor, Tensor]:
    """Codes of a level and the margin of each, Tensor[B, T]."""
    encoded = vqvae.encoder_output(audio, level)
    codebook = vqvae.codebook(level)
    return codebook.encode(encoded), code_margin(codebook, encoded)
