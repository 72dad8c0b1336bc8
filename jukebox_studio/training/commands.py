"""The commands `jukebox-studio train vqvae` and `train prior`."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from cyclopts import App, Parameter
from safetensors.torch import load_file
from torch import Tensor

from jukebox_studio.bundle import (
    VQVAE_FILE,
    Manifest,
    labels_file,
    open_bundle,
    prior_file,
    write_bundle,
)
from jukebox_studio.command_types import Positive, Share, Whole
from jukebox_studio.drawing import Drawing
from jukebox_studio.errors import JukeboxError
from jukebox_studio.licences import CC_BY_SA_4
from jukebox_studio.model.config import PRIORS, VQVAES, PriorConfig, VQVAEConfig
from jukebox_studio.model.load import load_vqvae, save_weights
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.progress import show_training
from jukebox_studio.sampling_options import changed
from jukebox_studio.training.codes import (
    CodedTrack,
    CodeWindows,
    Dropout,
    encode_tracks,
    make_tables,
)
from jukebox_studio.training.data import (
    Crops,
    Sound,
    at_most_per_artist,
    decode_tracks,
    read_table,
)
from jukebox_studio.training.decoder import CodedCrops, DecoderTask
from jukebox_studio.training.heard import Heard
from jukebox_studio.training.loop import (
    CHECKPOINT,
    LoopSettings,
    TrainProgress,
    averaged_state,
    best_state,
    train,
)
from jukebox_studio.training.losses import LossConfig, bandwidth
from jukebox_studio.training.lyric_attention import score_heads, sung_windows
from jukebox_studio.training.prior import PriorTask
from jukebox_studio.training.vqvae import VQVAETask, load_trained

app = App(name="train", help="Train a VQ-VAE or a prior on a folder of music.")

Precision = Literal["float32", "bfloat16"]


@app.command
def vqvae(
    data: Path,
    out: Path,
    *,
    config: Literal[tuple(VQVAES)] = "starter",  # type: ignore[valid-type]
    level: Whole,
    steps: Positive = 10_000,
    batch: Positive = 8,
    crop_codes: Positive = 512,
    lr: float = 3e-4,
    anneal: Share = 0.2,
    evenness: Share = 1.0,
    log_mel: float = 0.0,
    commit: float = 0.02,
    waveform: float = 1.0,
    heard: float = 0.0,
    decoder_share: Share = 0.1,
    begin_with: Path | None = None,
    precision: Precision = "float32",
    seed: Whole = 0,
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
    log_mel
        Weight of the distance in log mel magnitude; the published loss has none.
    commit
        Weight of the distance between encoder outputs and their codes.
    waveform
        Weight of the distance in samples.
    heard
        Weight of a head that reads a mel spectrogram from the codes: above 0, the codes learn from
        it, for a top level that can be predicted.
    decoder_share
        With --heard, the share of the decoder's gradient that reaches the codes.
    begin_with
        A bundle of the same shape, or the folder of a finished run, whose weights to begin with.
    precision
        Arithmetic of the convolutions; losses and codes stay in float32.
    seed
        Seed of crops and restarts.
    threads
        Processor threads.
    json_lines
        Print progress as JSON lines.
    """
    shape = _with_level(config, level)
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
    if begin_with is not None:
        if (begin_with / VQVAE_FILE).is_file():
            model.load_state_dict(load_vqvae(open_bundle(begin_with)).state_dict())
        else:
            load_trained(model, level, averaged_state(begin_with / CHECKPOINT))
        # The moving sums are not shipped; as if each code had been used as often as any.
        codebook.restore(batch * crop_codes, codebook.threshold)
    published = LossConfig()
    losses = LossConfig(
        log_mel=log_mel,
        commit=commit,
        lmix_l2=waveform * published.lmix_l2,
        lmix_linf=waveform * published.lmix_linf,
    )
    task = VQVAETask(
        model,
        level,
        crops,
        held_out,
        scale,
        losses,
        batch,
        precision == "bfloat16",
        heard=Heard(heard, decoder_share) if heard else None,
    )
    settings = LoopSettings(steps=steps, lr=lr, anneal_share=anneal, ema_decay=0.995)
    _describe(out, {"config": config, "level": level, "batch": batch, "crop_codes": crop_codes})
    _show(train(task, settings, out), json_lines)


@app.command
def decoder(
    data: Path,
    codes: Path,
    out: Path,
    *,
    config: Literal[tuple(VQVAES)] = "starter",  # type: ignore[valid-type]
    level: Whole,
    steps: Positive = 5_000,
    batch: Positive = 8,
    crop_codes: Positive = 512,
    lr: float = 2e-4,
    anneal: Share = 0.5,
    evenness: Share = 1.0,
    minutes_per_artist: float = math.inf,
    log_mel: float = 1.0,
    precision: Precision = "float32",
    seed: Whole = 0,
    threads: Positive = 1,
    json_lines: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Train the decoder of one level on alone; its codes stay as they are, bit for bit.

    What priors have learned goes on being true. `train bundle` takes the folder in place of the
    VQ-VAE's run. Called again with the same folder it goes on where it stopped.

    Parameters
    ----------
    data
        Folder of audio with a tracks.csv (docs/training.md).
    codes
        Folder that holds the runs of the VQ-VAE, `vqvae_level_0` and so on, or a bundle that has
        one.
    out
        Folder of this run.
    config
        Shape of the VQ-VAE.
    level
        The level whose decoder trains.
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
    minutes_per_artist
        Learn from at most so much of each artist, which saves encoding the rest.
    log_mel
        Weight of the distance in log mel magnitude beside the spectral convergence.
    precision
        Arithmetic of the convolutions.
    seed
        Seed of crops.
    threads
        Processor threads.
    json_lines
        Print progress as JSON lines.
    """
    shape = _with_level(config, level)
    torch.set_num_threads(threads)
    sounds = _sounds(data, shape.sample_rate_hz)
    sounds["train"] = at_most_per_artist(sounds["train"], 60.0 * minutes_per_artist)
    model = assemble_vqvae(shape, codes)
    coded = _coded(model, sounds, data, codes, [level], json_lines)
    hop = shape.hop_samples(level)

    def crops(split: str, evenness: float) -> CodedCrops:
        pairs = zip(sounds[split], coded[split], strict=True)
        heard = [Sound(s.track, s.samples[: t.total_samples], s.rate_hz) for s, t in pairs]
        places = Crops(heard, crop_codes * hop, seed, evenness)
        return CodedCrops(places, coded[split], level, hop)

    task = DecoderTask(
        model,
        level,
        crops("train", evenness),
        crops("validation", 1.0) if sounds["validation"] else None,
        batch,
        log_mel,
        precision == "bfloat16",
    )
    settings = LoopSettings(steps=steps, lr=lr, anneal_share=anneal, ema_decay=0.995)
    run = {"config": config, "level": level, "batch": batch, "crop_codes": crop_codes}
    _describe(out, run | {"part": "decoder"})
    _show(train(task, settings, out), json_lines)


@app.command
def prior(
    data: Path,
    codes: Path,
    out: Path,
    *,
    config: Literal[tuple(PRIORS)],  # type: ignore[valid-type]
    steps: Positive = 10_000,
    batch: Positive = 4,
    lr: float = 3e-4,
    anneal: Share = 0.2,
    evenness: Share = 1.0,
    drop_artist: Share = 0.1,
    drop_genres: Share = 0.1,
    drop_lyrics: Share = 0.1,
    drop_timing: Share = 0.1,
    drop_plan: Share = 0.2,
    wrong_codes: Share = 0.0,
    minutes_per_artist: float = math.inf,
    weight_decay: float = 0.0,
    guided: float = 0.1,
    begin_with: Path | None = None,
    precision: Precision = "float32",
    seed: Whole = 0,
    threads: Positive = 1,
    json_lines: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Train a prior or an upsampler on the codes of a folder of music.

    Called again with the same folder it goes on where it stopped.

    Parameters
    ----------
    data
        Folder of audio with a tracks.csv (docs/training.md).
    codes
        Folder that holds the runs of the VQ-VAE, `vqvae_level_0` and so on, or a bundle that has
        one.
    out
        Folder of this run.
    config
        Shape of the prior; its VQ-VAE is the one named before `_level_`.
    steps
        Steps in all, those of earlier calls included.
    batch
        Windows per step.
    lr
        Learning rate.
    anneal
        Share of the steps, at the end, over which the rate falls to zero.
    evenness
        1 hears every artist as often, 0 every second of music.
    drop_artist
        Chance that a window is not told its artist.
    drop_genres
        Chance that a window is not told its genres.
    drop_lyrics
        Chance that a window is told that its words are not known.
    drop_timing
        Chance that a window is not told how long its song is and where it lies in it.
    drop_plan
        Chance that a window with known words is not told when they are sung.
    wrong_codes
        The largest share of a window's codes that are shown wrong: each window has a share of its
        own, from 0 up.
    minutes_per_artist
        Learn from at most so much of each artist, which saves encoding the rest.
    weight_decay
        Pull of all weights towards zero.
    guided
        Weight of teaching the alignment head what is sung, where the prior has one and words have
        times; 0 is off.
    begin_with
        A bundle of the same shape, or the folder of a finished run, whose weights to begin with; of
        a time before plans of words, too.
    precision
        Arithmetic of the matrix products.
    seed
        Seed of windows and initial weights.
    threads
        Processor threads.
    json_lines
        Print progress as JSON lines.
    """
    shape = PRIORS[config]
    vqvae_shape = VQVAES.get(config.rpartition("_level_")[0])
    if vqvae_shape is None:
        raise JukeboxError(f"{config} is a published shape; only our own can be trained here.")
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    sounds = _sounds(data, vqvae_shape.sample_rate_hz)
    sounds["train"] = at_most_per_artist(sounds["train"], 60.0 * minutes_per_artist)
    vqvae_model = assemble_vqvae(vqvae_shape, codes)
    levels = [shape.level, shape.level + 1] if shape.conditioner else [shape.level]

    coded = _coded(vqvae_model, sounds, data, codes, levels, json_lines)
    tables = make_tables([t for t in read_table(data) if t.split == "train"])
    dropout = Dropout(drop_artist, drop_genres, drop_lyrics, drop_timing, drop_plan, wrong_codes)
    windows = CodeWindows(coded["train"], shape, tables, seed, evenness, dropout)
    held_out = None
    if coded["validation"]:
        held_out = CodeWindows(coded["validation"], shape, tables, seed)
    model = Prior(shape)
    if begin_with is not None:
        _begin(model, shape.level, begin_with)
    taught = shape.lyrics is not None and shape.lyrics.alignment_layer is not None
    task = PriorTask(
        model,
        windows,
        held_out,
        batch,
        precision == "bfloat16",
        guided=guided if taught else 0.0,
    )
    settings = LoopSettings(
        steps=steps,
        lr=lr,
        anneal_share=anneal,
        betas=(0.9, 0.95),
        ema_decay=0.995,
        weight_decay=weight_decay,
    )
    _describe(out, {"config": config, "level": shape.level, "batch": batch})
    _show(train(task, settings, out), json_lines)


@app.command
def bundle(
    data: Path,
    runs: Path,
    out: Path,
    *,
    config: Literal[tuple(VQVAES)] = "starter",  # type: ignore[valid-type]
    name: str = "starter",
    attribution: Path,
    description: str = "",
    temperature: str = "",
    top_k: str = "",
    top_p: str = "",
    replace: bool = False,
) -> None:
    """Bring finished runs together as a bundle, its weights in float16.

    Parameters
    ----------
    data
        Folder that the runs were trained on: its train tracks name the artists and genres.
    runs
        Folder of the runs `vqvae_level_0`, `prior_level_0` and so on.
    out
        Folder of the new bundle.
    config
        Shape of the VQ-VAE.
    name
        Name of the bundle.
    attribution
        The works that the model learned from: the items of a Markdown list, or a line each.
    description
        One sentence on what the model is.
    temperature
        At which it is best sampled. By level: `0.98,0:0.65`. `models sampling` changes it later.
    top_k
        Best drawn among the k likeliest codes only; 0 is off. By level too.
    top_p
        Best drawn among the likeliest codes that together have this probability. By level too.
    replace
        Take the place of a bundle that is there.
    """
    shape = VQVAES[config]
    priors = {n: PRIORS[f"{config}_level_{n}"] for n in range(shape.levels)}
    # Before the long work, so that what is wrong in it is told at once.
    sampling = changed(dict.fromkeys(priors, Drawing()), temperature, top_k, top_p)
    tables = make_tables([t for t in read_table(data) if t.split == "train"])
    vqvae_model = assemble_vqvae(shape, runs)
    states = {level: best_state(runs / f"prior_level_{level}") for level in priors}
    top = shape.levels - 1
    if priors[top].lyrics is not None:
        priors[top] = _with_alignment_head(priors[top], states[top], data, runs, vqvae_model)

    def fill(folder: Path) -> Manifest:
        save_weights(folder / VQVAE_FILE, vqvae_model.state_dict(), torch.float16)
        for level, state in states.items():
            save_weights(folder / prior_file(level), state, torch.float16)
        text = json.dumps(tables.to_json(), indent=1) + "\n"
        (folder / labels_file(tables.version)).write_text(text, encoding="utf-8")
        lines = _credit_lines(attribution)
        return Manifest(
            name=name,
            description=description,
            licence=CC_BY_SA_4,
            attribution=lines,
            vqvae=shape,
            priors=priors,
            sampling={n: drawing for n, drawing in sampling.items() if drawing != Drawing()},
        )

    write_bundle(out, fill, replace=replace)
    print(f"{out} holds the bundle {name}.")


def _with_alignment_head(
    shape: PriorConfig, state: Mapping[str, Tensor], data: Path, runs: Path, vqvae_model: VQVAE
) -> PriorConfig:
    """The shape with the head that follows the words best on the validation tracks.

    As it is where none of them has words whose times are known.
    """
    table = read_table(data)
    sounds = _sounds(data, shape.sample_rate_hz)["validation"]
    sung = [s for s in sounds if s.track.words]
    if not sung:
        return shape
    coded = encode_tracks(vqvae_model, sung, runs / "codes", levels=[shape.level])
    tables = make_tables([t for t in table if t.split == "train"])
    prior = Prior(shape)
    prior.load_state_dict(dict(state))
    prior.eval()
    try:
        windows = CodeWindows(coded, shape, tables, seed=0)
        chosen = sung_windows(windows, 2)
    except JukeboxError:  # too short for a window
        return shape
    if not chosen:
        return shape
    with torch.no_grad():
        best = score_heads(prior, windows, chosen)[0]
    print(
        f"Layer {best.layer}, head {best.head} follows the words: {best.near:.0%} of its attention "
        f"lies near what is sung, {best.by_chance:.0%} by chance."
    )
    assert shape.lyrics is not None
    lyrics = dataclasses.replace(shape.lyrics, alignment_layer=best.layer, alignment_head=best.head)
    return dataclasses.replace(shape, lyrics=lyrics)


NEW = "lyric_plan."
"""Begins the names of weights that earlier models of ours did not have, and that say nothing at
first."""


def _begin(model: Prior, level: int, folder: Path) -> None:
    """Put the weights of a bundle or of a run into a new model. The optimiser starts afresh."""
    bundled = folder / prior_file(level)
    state = load_file(bundled) if bundled.is_file() else best_state(folder)
    found = {name: value.float() for name, value in state.items()}
    if not any(name.startswith(NEW) for name in found):
        found |= {k: v for k, v in model.state_dict().items() if k.startswith(NEW)}
    try:
        model.load_state_dict(found)
    except RuntimeError as error:
        raise JukeboxError(
            f"{folder} holds a prior of another shape than {model.config.name}. ({error})"
        ) from error


def _credit_lines(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise JukeboxError(f"The credits {path} cannot be read: {error.strerror}.") from error
    items = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return tuple(items or (line for line in lines if line.strip()))


def assemble_vqvae(shape: VQVAEConfig, runs: Path) -> VQVAE:
    """The VQ-VAE whose levels were trained in `runs`/vqvae_level_0 and so on, averaged weights.

    Or that of a bundle, where `runs` is one.

    Weights are rounded to float16 first, as they will be shipped: priors must learn the codes that
    the shipped encoder makes.
    """
    if (runs / VQVAE_FILE).is_file():
        return load_vqvae(open_bundle(runs))
    model = VQVAE(shape)
    for level in range(shape.levels):
        path = runs / f"vqvae_level_{level}" / CHECKPOINT
        if not path.is_file():
            raise JukeboxError(f"{path} is missing; train level {level} of the VQ-VAE first.")
        state = {k: v.half().float() for k, v in averaged_state(path).items()}
        load_trained(model, level, state)
        model.codebook(level).restore()
    return model.eval().requires_grad_(False)


def _sounds(data: Path, rate_hz: int) -> dict[str, list[Sound]]:
    """Decoded tracks by split; a cache beside the audio keeps them for the next call."""
    sounds = decode_tracks(read_table(data), rate_hz, data / f"cache-{rate_hz}")
    return {
        split: [s for s in sounds if s.track.split == split]
        for split in ("train", "validation", "test")
    }


def _with_level(config: str, level: int) -> VQVAEConfig:
    shape = VQVAES[config]
    if not 0 <= level < shape.levels:
        raise JukeboxError(f"{config} has levels 0 to {shape.levels - 1}; {level} is none of them.")
    return shape


def _coded(
    model: VQVAE,
    sounds: Mapping[str, Sequence[Sound]],
    data: Path,
    codes: Path,
    levels: Sequence[int],
    json_lines: bool,
) -> dict[str, list[CodedTrack]]:
    """The tracks that are learned from and validated on, in codes; a cache keeps them."""
    # A bundle is nobody's working folder.
    cache = (data if (codes / VQVAE_FILE).is_file() else codes) / "codes"

    def told(done: int, total: int) -> None:
        if not json_lines:
            print(f"encoding: {done} of {total} tracks", end="\r", flush=True)

    return {
        split: encode_tracks(model, sounds[split], cache, told, levels)
        for split in ("train", "validation")
    }


_PARTS: Mapping[object, str] = {None: "the whole level", "decoder": "a decoder alone"}


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
        if before.get("part") != run.get("part"):
            # What stands still in the one moves in the other, and would be lost.
            raise JukeboxError(
                f"{out} holds a run of {_PARTS[before.get('part')]}, not of "
                f"{_PARTS[run.get('part')]}; train into another folder."
            )
    path.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def _show(events: Iterator[TrainProgress], json_lines: bool) -> None:
    if json_lines:
        for event in events:
            print(json.dumps({"event": "training", **vars(event)}), flush=True)
    else:
        show_training(events)
