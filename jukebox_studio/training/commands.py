"""The commands `jukebox-studio train vqvae` and `train prior`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import torch
from cyclopts import App, Parameter
from cyclopts.validators import Number

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import VQVAES
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.progress import show_training
from jukebox_studio.training.data import Crops, Sound, decode_tracks, read_table
from jukebox_studio.training.loop import LoopSettings, TrainProgress, train
from jukebox_studio.training.losses import LossConfig, bandwidth
from jukebox_studio.training.vqvae import VQVAETask

app = App(name="train", help="Train a VQ-VAE or a prior on a folder of music.")

Positive = Annotated[int, Parameter(validator=Number(gte=1))]
Share = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
Precision = Literal["float32", "bfloat16"]


@app.command
def vqvae(
    data: Path,
    out: Path,
    *,
    config: Literal[tuple(VQVAES)] = "starter",  # type: ignore[valid-type]
    level: int,
    steps: Positive = 10_000,
    batch: Positive = 8,
    crop_codes: Positive = 512,
    lr: float = 3e-4,
    anneal: Share = 0.2,
    evenness: Share = 1.0,
    precision: Precision = "float32",
    seed: int = 0,
    threads: Positive = 1,
    json_lines: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Train the autoencoder of one level.

    Levels are separate autoencoders, so each trains in a folder of its own; `train bundle` brings
    them together. Called again with the same folder it goes on where it stopped.

    Parameters
    ----------
    data
        Folder of audio with a tracks.csv (docs/training.md).
    out
        Folder of this run: checkpoint, log, TensorBoard files.
    config
        Shape of the VQ-VAE.
    level
        The level to train; 0 is the bottom, finest one.
    steps
        Steps in all, those of earlier calls included.
    batch
        Crops per step.
    crop_codes
        Length of a crop in codes of the level.
    lr
        Learning rate.
    anneal
        Share of the steps, at the end, over which the rate falls to zero.
    evenness
        1 hears every artist as often, 0 every second of music.
    precision
        Arithmetic of the convolutions; losses and codes stay in float32.
    seed
        Seed of crops and restarts.
    threads
        Processor threads.
    json_lines
        Print progress as JSON lines.
    """
    shape = VQVAES[config]
    if not 0 <= level < shape.levels:
        raise JukeboxError(f"{config} has levels 0 to {shape.levels - 1}; {level} is none of them.")
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    sounds = _sounds(data, shape.sample_rate_hz)
    length_samples = crop_codes * shape.hop_samples(level)
    crops = Crops(sounds["train"], length_samples, seed, evenness)
    held_out = Crops(sounds["validation"], length_samples, seed) if sounds["validation"] else None
    # The scale of the data as the training hears it: over crops, not whole tracks.
    scale = bandwidth((b.numpy()[0] for b in crops.fixed_batches(200, 1)), 2**62)
    model = VQVAE(shape)
    codebook = model.codebook(level)
    codebook.reset_sums = True
    codebook.threshold = min(1.0, 0.1 * batch * crop_codes / shape.codebook_size)
    task = VQVAETask(
        model, level, crops, held_out, scale, LossConfig(), batch, precision == "bfloat16"
    )
    settings = LoopSettings(steps=steps, lr=lr, anneal_share=anneal, ema_decay=0.995)
    _describe(out, {"config": config, "level": level, "batch": batch, "crop_codes": crop_codes})
    _show(train(task, settings, out), json_lines)


def _sounds(data: Path, rate_hz: int) -> dict[str, list[Sound]]:
    """Decoded tracks by split; a cache beside the audio keeps them for the next call."""
    sounds = decode_tracks(read_table(data), rate_hz, data / f"cache-{rate_hz}")
    return {
        split: [s for s in sounds if s.track.split == split]
        for split in ("train", "validation", "test")
    }


def _describe(out: Path, run: dict[str, object]) -> None:
    """`run.json`: what the folder holds, refusing to go on with another shape."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "run.json"
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        for key in ("config", "level"):
            if before.get(key) != run.get(key):
                raise JukeboxError(
                    f"{out} holds a run with {key} {before.get(key)}, not {run.get(key)}; "
                    f"train into another folder."
                )
    path.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def _show(events: Iterator[TrainProgress], json_lines: bool) -> None:
    if json_lines:
        for event in events:
            print(json.dumps({"event": "training", **vars(event)}), flush=True)
    else:
        show_training(events)
