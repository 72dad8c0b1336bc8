"""The commands `jukebox-studio models list | info | verify | sampling | import`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from jukebox_studio import bundle as bundles
from jukebox_studio.errors import JukeboxError
from jukebox_studio.memory import PROGRAM_BYTES, Asked, plan, size_text
from jukebox_studio.request import Guidance
from jukebox_studio.sampling_options import changed

app = App(name="models", help="Models on this machine: list, describe, check, tune, import.")


@app.command(name="list")
def list_models() -> None:
    """List the models that other commands can be given by name."""
    every = bundles.find_bundles()
    for found in every:
        if found.bundle is None:
            print(f"{found.name}: cannot be used. {found.fault}")
            continue
        manifest = found.bundle.manifest
        use = "commercial use allowed" if manifest.licence.commercial_use else "non-commercial"
        print(
            f"{found.name}: {manifest.levels} levels, {manifest.sample_rate_hz} Hz, "
            f"{size_text(_size_bytes(manifest))}, {manifest.licence.name} ({use}). {found.folder}"
        )
    if not every:
        print(
            "No models yet. 'jukebox-studio models import PATH' makes one of published "
            f"checkpoints; it goes to {bundles.user_models_folder()}."
        )
    for folder in bundles.leftovers():
        print(f"Left by an import that was killed, remove it when none is running: {folder}")


@app.command
def info(model: str) -> None:
    """Describe a model: licence, levels, labels, files, memory.

    Parameters
    ----------
    model
        Name of a model, or the folder of a bundle.
    """
    bundle = bundles.find_bundle(model)
    print("\n".join(_description(bundle)))


@app.command
def verify(model: str) -> None:
    """Check every file of a model: keys, shapes, size, SHA-256.

    Parameters
    ----------
    model
        Name of a model, or the folder of a bundle.
    """
    bundle = bundles.find_bundle(model)
    with _progress_bar() as progress:
        manifest = bundles.verify(bundle.folder, progress)
    print(
        f"{manifest.name} is whole: {len(manifest.files)} files, "
        f"{size_text(_size_bytes(manifest))}, in {bundle.folder}."
    )


@app.command
def sampling(
    model: str,
    *,
    temperature: str = "",
    top_k: str = "",
    top_p: str = "",
    style_guidance: float | None = None,
    lyric_guidance: float | None = None,
) -> None:
    """Show how a model is best sampled, or change it; its weights stay as they are.

    Parameters
    ----------
    model
        Name of a model, or the folder of a bundle.
    temperature
        Recommended from now on. By level: `0.98,0:0.65`.
    top_k
        Draw among the k likeliest codes only; 0 is off. By level too.
    top_p
        Draw among the likeliest codes that together have this probability; 0 is off. By level too.
    style_guidance
        How hard it is led towards artists and genres where some are named; 0 is off.
    lyric_guidance
        The same towards words.
    """
    bundle = bundles.find_bundle(model)
    guidance = Guidance(style_guidance, lyric_guidance).over(bundle.manifest.guidance)
    if temperature or top_k or top_p or guidance != bundle.manifest.guidance:
        before = bundle.manifest.recommended
        drawings = changed(before, temperature, top_k, top_p)
        bundle = bundles.recommend(bundle, drawings, guidance)
    for level, drawing in sorted(bundle.manifest.recommended.items(), reverse=True):
        print(f"Level {level}: {drawing}")
    print(f"Best led {bundle.manifest.guidance}")


@app.command(name="import")
def import_model(
    path: Path,
    *,
    name: str | None = None,
    labels: Path | None = None,
    out: Path | None = None,
    top: Literal["1b_lyrics", "5b_lyrics", "5b"] | None = None,
    vqvae: Path | None = None,
    level_0: Annotated[Path | None, Parameter(name="--level-0")] = None,
    level_1: Annotated[Path | None, Parameter(name="--level-1")] = None,
    level_2: Annotated[Path | None, Parameter(name="--level-2")] = None,
) -> None:
    """Make a model of published checkpoints: OpenAI's .pth.tar files, or a Hugging Face folder.

    Parameters
    ----------
    path
        Folder of the checkpoints; sub-folders named as in the original (5b, 1b_lyrics) are found.
    name
        Name of the new model; else that of the top prior or of the folder.
    labels
        Folder with the names of artists and genres: v2_artist_ids.txt and so on, or artists.json
        and genres.json.
    out
        Folder for the new model; else that of the user's models.
    top
        The top prior to take, where there are several.
    vqvae
        File of the VQ-VAE, where it has another name.
    level_0
        File of the bottom upsampler, where it has another name.
    level_1
        File of the middle upsampler, where it has another name.
    level_2
        File of the top prior, where it has another name.
    """
    from jukebox_studio import convert  # torch, which the other commands need not load

    parts: dict[str | int, Path | None] = {"vqvae": vqvae, 0: level_0, 1: level_1, 2: level_2}
    files = {part: file for part, file in parts.items() if file is not None}
    destination = out or bundles.user_models_folder()
    checkpoints = convert.find_checkpoints(path, files, top)
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
    console.print(convert.plan_import(checkpoints, destination).sentence())
    with _progress_bar() as progress:
        folder = convert.import_checkpoints(
            path, name or _default_name(path, top), destination, labels, progress,
            files=files, top=top,
        )  # fmt: skip
    bundle = bundles.open_bundle(folder)
    print("\n".join(_description(bundle)))


def _default_name(path: Path, top: str | None) -> str:
    name = top or re.sub(r"[^A-Za-z0-9_.-]+", "-", path.resolve().name).strip("-._")
    if not name:
        raise JukeboxError(f"{path} gives the model no name; choose one with --name.")
    return name


def _description(bundle: bundles.Bundle) -> Iterator[str]:
    manifest = bundle.manifest
    yield f"{manifest.name}, in {bundle.folder}"
    if manifest.description:
        yield manifest.description
    yield f"Licence: {manifest.licence.in_plain_words}"
    for line in manifest.attribution:
        yield f"Credit: {line}"
    yield f"Sound: {manifest.sample_rate_hz} Hz, one channel"
    for level in range(manifest.levels):
        hop = manifest.vqvae.hop_samples(level)
        rate = manifest.sample_rate_hz / hop
        line = f"Level {level}: {hop} samples a code, {rate:.1f} codes a second"
        prior = manifest.priors.get(level)
        if prior is None:
            yield f"{line}; no prior"
            continue
        window_seconds = prior.sample_length / prior.sample_rate_hz
        knows = f"labels {prior.labels.version}" if prior.labels else "no labels"
        if prior.lyrics:
            knows += f", lyrics in windows of {prior.lyrics.n_tokens} characters"
        drawing = manifest.recommended[level]
        yield f"{line}; window of {window_seconds:.1f} s; {knows}; best at {drawing}"
    yield f"Best led {manifest.guidance}"
    if manifest.alignment:
        layer, head = manifest.alignment
        yield f"Lyrics are followed by attention layer {layer}, head {head}"
    for name, entry in manifest.files.items():
        stored = f", {' and '.join(entry.dtypes)}" if entry.dtypes else ""
        yield f"File {name}: {size_text(entry.size_bytes)}{stored}"
    yield f"Results name it as {bundles.bundle_sha256(bundle.folder)}"
    yield _memory_line(manifest)


def _memory_line(manifest: bundles.Manifest) -> str:
    asked = Asked()
    needs = plan(manifest, asked)
    levels = ", ".join(
        f"level {n.level} {size_text(n.weights_bytes)} + {size_text(n.row_bytes)} a row"
        for n in needs.levels
    )
    return (
        f"Memory for {asked.variants} variants of {asked.new_seconds:g} s: "
        f"{size_text(needs.peak_bytes)}; where there is less, down to "
        f"{size_text(needs.least_bytes)}, which takes longer. The program's own "
        f"{size_text(PROGRAM_BYTES)} come on top ({levels or 'no priors'})"
    )


def _size_bytes(manifest: bundles.Manifest) -> int:
    return sum(entry.size_bytes for entry in manifest.files.values())


@contextmanager
def _progress_bar() -> Iterator[bundles.Progress]:
    """A bar with the time left on a terminal; elsewhere a line for each whole percent."""
    console = Console(stderr=True, markup=False, emoji=False)
    if not console.is_terminal:
        last = ""

        def tell(what: str, done_bytes: int, total_bytes: int) -> None:
            nonlocal last
            line = f"{what}: {100 * done_bytes // max(1, total_bytes)} %"
            if line != last:
                print(line, file=sys.stderr, flush=True)
            last = line

        yield tell
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, int] = {}

        def show(what: str, done_bytes: int, total_bytes: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total_bytes)
            bar.update(bar.tasks[tasks[what]].id, completed=done_bytes)

        yield show
