"""Pictures to look at: spectrograms of prompts with their continuations, and who follows the words.

matplotlib draws them, without a screen: it is asked for when a picture is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from jukebox_studio.files import write_atomically
from jukebox_studio.model.labels import Version, detokenize
from jukebox_studio.training.extra import from_extra
from jukebox_studio.training.losses import Stft, mel_filters, spectrogram
from jukebox_studio.training.lyric_attention import HeadScore, SungWindow

Samples = NDArray[np.float32]

BANDS = 96
STFT = Stft(1024, 256, 1024)
AROUND_CHARACTERS = 12
"""Shown before and after those that are sung."""
RANGE_DB = 80.0
"""Below the loudest of a picture, black."""


def mel_db(samples: Samples, rate_hz: int) -> NDArray[np.float32]:
    """Mel spectrogram in dB, Array[BANDS, frames]."""
    magnitudes = spectrogram(torch.from_numpy(samples)[None], STFT)[0]
    mel = mel_filters(STFT.n_fft, BANDS, rate_hz) @ magnitudes
    return (20 * mel.clamp(min=1e-6).log10()).numpy()


def draw_continuations(
    path: Path,
    title: str,
    rows: Sequence[tuple[str, Samples]],
    joint_seconds: float,
    rate_hz: int,
) -> None:
    """One picture: a spectrogram for each (name, prompt and what follows it), the joint marked."""
    figure_module = from_extra("matplotlib.figure", "Drawing pictures")
    figure = figure_module.Figure(figsize=(10, 2.2 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    figure.suptitle(title)
    for axis, (name, samples) in zip(axes, rows, strict=True):
        mel = mel_db(samples, rate_hz)
        seconds = len(samples) / rate_hz
        axis.imshow(
            mel,
            origin="lower",
            aspect="auto",
            extent=(0.0, seconds, 0, BANDS),
            vmin=float(mel.max()) - RANGE_DB,
            vmax=float(mel.max()),
            cmap="magma",
            interpolation="nearest",
        )
        axis.axvline(joint_seconds, color="white", linewidth=1)
        axis.set_ylabel(f"{name}\nmel band")
    axes[-1].set_xlabel("seconds")
    _save(figure, path)


def draw_alignment(
    path: Path,
    window: SungWindow,
    weights: NDArray[np.float32],
    score: HeadScore,
    version: Version,
    seconds_per_code: float,
) -> None:
    """Where a head looks, Array[n_ctx, N], under the line of what is really sung."""
    figure_module = from_extra("matplotlib.figure", "Drawing pictures")
    shown = np.flatnonzero(window.tokens > 0)
    # Words that are sung long before or after would only make the others small.
    sung = window.sung[np.isfinite(window.sung)]
    first = max(int(shown[0]), int(sung.min()) - AROUND_CHARACTERS)
    last = min(int(shown[-1]), int(sung.max()) + AROUND_CHARACTERS) + 1
    figure = figure_module.Figure(
        figsize=(11, max(4.0, 0.14 * (last - first))), layout="constrained"
    )
    axis = figure.subplots()
    seconds = len(weights) * seconds_per_code
    axis.imshow(
        weights[:, first:last].T,
        origin="upper",
        aspect="auto",
        extent=(0.0, seconds, last, first),
        vmax=float(np.quantile(weights[:, first:last], 0.999)),
        cmap="magma",
        interpolation="nearest",
    )
    axis.plot((np.arange(len(weights)) + 0.5) * seconds_per_code, window.sung + 0.5, color="cyan")
    letters = [detokenize([int(t)], version).replace("\n", "/") for t in window.tokens[first:last]]
    axis.set_yticks(np.arange(first, last) + 0.5, letters, fontsize=9)
    axis.set_xlabel("seconds; cyan: what is sung")
    axis.set_title(
        f"{window.track.track.title}: layer {score.layer}, head {score.head}, "
        f"{score.near:.0%} near what is sung (chance {score.by_chance:.0%})"
    )
    _save(figure, path)


def _save(figure: object, path: Path) -> None:
    content = io.BytesIO()
    # No version or date in it: the same picture is the same file.
    figure.savefig(content, format="png", dpi=100, metadata={"Software": None})  # type: ignore[attr-defined]
    write_atomically(path, content.getvalue())
