"""Published checkpoints -> a bundle.

Two forms are read. OpenAI's: one `.pth.tar` for the VQ-VAE and each prior, in either of torch's
file formats. Hugging Face's (openai/jukebox-1b-lyrics and -5b-lyrics): one folder with config.json
and all weights under other names, in one file or several.

Weights keep their numbers and their dtype; only names and the container change.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from jukebox_studio.bundle import (
    VQVAE_FILE,
    Manifest,
    Progress,
    check_name,
    labels_file,
    no_progress,
    prior_file,
    write_bundle,
)
from jukebox_studio.errors import JukeboxError
from jukebox_studio.hugging_face import VQVAE_PART, hugging_face_hps, openai_keys
from jukebox_studio.licences import OPENAI_JUKEBOX, Licence
from jukebox_studio.memory import size_text
from jukebox_studio.model.config import (
    PUBLISHED_PRIORS,
    PUBLISHED_VQVAE,
    PriorConfig,
    VQVAEConfig,
)
from jukebox_studio.model.labels import Labeller, LabelTables, Version
from jukebox_studio.model.published import prior_config, vqvae_config
from jukebox_studio.model.shapes import Shapes, differences, prior_shapes, vqvae_shapes
from jukebox_studio.tensor_file import TensorEntry, write_streamed
from jukebox_studio.weight_files import TorchFile, WeightFile, is_torch_legacy, open_weights

TOPS = ("1b_lyrics", "5b_lyrics", "5b")
"""The published top priors, by the folder each has in the original's layout."""
WORKING_BYTES = 500_000_000
"""Memory of an import beside the largest tensor, or beside a file in torch's older format."""
_RELEASE_BYTES = 64_000_000
"""Copied from mapped files before their mappings are given up and made anew."""

UNKNOWN_LICENCE = Licence(
    name="unknown",
    commercial_use=False,
    disclosure="Created using a model of OpenAI's Jukebox design.",
    notice=(
        "These weights are not in the shape of a model that OpenAI published, and came without a "
        "licence. Ask who made them; until then they are treated as non-commercial.\n"
    ),
)
_ATTRIBUTION = (
    "Jukebox (2020) by Prafulla Dhariwal, Heewoo Jun, Christine Payne, Jong Wook Kim, "
    "Alec Radford and Ilya Sutskever, OpenAI."
)


# Finding the files ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoints:
    """The files of one model. Keys: "vqvae" or a level, or None where one file holds all parts."""

    folder: Path
    files: Mapping[str | int | None, tuple[Path, ...]]
    hugging_face: bool

    @property
    def parts(self) -> tuple[str | int, ...]:
        """The VQ-VAE, then the levels from the top down."""
        levels = {n for n in self.files if isinstance(n, int)}
        if self.hugging_face:
            levels = {n for n in hugging_face_hps(self.folder) if isinstance(n, int)} or {0, 1, 2}
        return (VQVAE_PART, *sorted(levels, reverse=True))

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for paths in self.files.values() for path in paths)


def find_checkpoints(
    source: Path, files: Mapping[str | int, Path] | None = None, top: str | None = None
) -> Checkpoints:
    """The files of the model in folder `source`.

    OpenAI's are looked for in `source` itself and in the sub-folders of the original's layout
    (5b, 5b_lyrics, 1b_lyrics) there or beside it. `files` names single ones, by "vqvae" or level;
    `top` says which top prior is meant where there are several.

    Raises JukeboxError where a file is missing, or the choice is not clear.
    """
    files = dict(files or {})
    if not files and (source / "config.json").is_file():
        return Checkpoints(source, {None: _hugging_face_files(source)}, hugging_face=True)
    if not source.is_dir():
        raise JukeboxError(f"{source} is not a folder; name the folder that holds the checkpoints.")
    found: dict[str | int | None, tuple[Path, ...]] = {}

    def find(part: str | int, name: str, sub_folder: str | None) -> Path:
        path = files.get(part) or _openai_file(source, name, sub_folder)
        if not path.is_file():
            raise JukeboxError(f"{path} is missing or not a file.")
        found[part] = (path,)
        return path

    levels = _count_levels(find(VQVAE_PART, f"{VQVAE_PART}.pth.tar", "5b"))
    for level in range(levels):
        find(level, f"prior_level_{level}.pth.tar", top if level == levels - 1 else "5b")
    return Checkpoints(source, found, hugging_face=False)


def _count_levels(path: Path) -> int:
    file = open_weights(path)
    levels = {key.split(".")[1] for key in file.entries if key.startswith("encoders.")}
    file.close()
    if not levels:
        raise JukeboxError(f"{path} is not a VQ-VAE: none of its keys starts with 'encoders.'.")
    return len(levels)


def _openai_file(source: Path, name: str, sub_folder: str | None) -> Path:
    """A file by its published name; `sub_folder` None leaves the choice of the top prior open."""
    flat = source / name
    if flat.is_file() and sub_folder in (None, "5b"):
        return flat
    sub_folders = TOPS if sub_folder is None else (sub_folder,)
    found = [
        folder / sub / name
        for folder in (source, source.parent)
        for sub in sub_folders
        if (folder / sub / name).is_file()
    ]
    if len(found) > 1 and sub_folder is None:
        names = ", ".join(path.parent.name for path in found)
        raise JukeboxError(
            f"{source} holds several top priors ({names}); say which one with --top, "
            f"for example --top {found[0].parent.name}."
        )
    if not found and flat.is_file():
        return flat
    if not found:
        places = " or ".join(str(source / sub / name) for sub in sub_folders)
        raise JukeboxError(
            f"{name} was found neither in {source} nor as {places}; name it with "
            f"{'--vqvae' if name.startswith(VQVAE_PART) else '--level-' + name[12]}."
        )
    return found[0]


def _hugging_face_files(folder: Path) -> tuple[Path, ...]:
    for stem, ending in (("model", "safetensors"), ("pytorch_model", "bin")):
        index = folder / f"{stem}.{ending}.index.json"
        if index.is_file():
            try:
                weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
                names = sorted(set(weight_map.values()))
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise JukeboxError(f"{index} is not an index of weights.") from error
            paths = tuple(folder / Path(name).name for name in names)
            for path in paths:
                if not path.is_file():
                    raise JukeboxError(f"{path} is missing; {index.name} lists it.")
            return paths
        if (folder / f"{stem}.{ending}").is_file():
            return (folder / f"{stem}.{ending}",)
    raise JukeboxError(
        f"{folder} has a config.json but no weights: expected model.safetensors or "
        "pytorch_model.bin, or their parts with an index."
    )


# What an import takes ------------------------------------------------------------------------


@dataclass(frozen=True)
class ImportPlan:
    """What an import will take, in bytes; to be told before it starts."""

    disk_bytes: int
    free_disk_bytes: int
    memory_bytes: int
    available_memory_bytes: int | None
    """None where the system does not tell."""
    whole: tuple[Path, ...]
    """Files in torch's older format, which have to be read whole."""
    destination: Path

    def sentence(self) -> str:
        """What it takes, for people."""
        memory = f"{size_text(self.memory_bytes)} of memory"
        if self.available_memory_bytes is not None:
            memory += f" ({size_text(self.available_memory_bytes)} available)"
        why = ""
        if self.whole:
            names = ", ".join(path.name for path in self.whole)
            why = f" Files in torch's older format have to be read whole: {names}."
        return (
            f"This import takes {size_text(self.disk_bytes)} of disk in {self.destination} "
            f"({size_text(self.free_disk_bytes)} free) and up to {memory}.{why}"
        )

    def check(self) -> None:
        """Raises JukeboxError where the import cannot fit."""
        if self.disk_bytes > self.free_disk_bytes:
            raise JukeboxError(f"The disk is too full. {self.sentence()}")
        if self.available_memory_bytes is not None and (
            self.memory_bytes > self.available_memory_bytes
        ):
            raise JukeboxError(
                f"There is not enough memory. {self.sentence()} Close other programs, or load the "
                "files with torch on a larger machine and save them again in its present format."
            )


def plan_import(checkpoints: Checkpoints, destination: Path) -> ImportPlan:
    """What importing `checkpoints` into folder `destination` takes, judged by the files' sizes."""
    sizes = {path: path.stat().st_size for path in checkpoints.paths}
    whole = tuple(path for path in sizes if is_torch_legacy(path))
    folder = destination.absolute()
    while not folder.exists():
        folder = folder.parent
    return ImportPlan(
        # Manifest and label tables are small beside the spare that this leaves.
        disk_bytes=sum(sizes.values()) + 2_000_000,
        free_disk_bytes=shutil.disk_usage(folder).free,
        memory_bytes=WORKING_BYTES + max((sizes[path] for path in whole), default=0),
        available_memory_bytes=_available_memory_bytes(),
        whole=whole,
        destination=destination,
    )


def _available_memory_bytes() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    return None


# One part of a model ----------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """The VQ-VAE or one prior: where the bytes of each of our keys are."""

    path: Path
    """The file (or the folder) that messages name."""
    places: Mapping[str, tuple[WeightFile, str]]
    hps: Mapping[str, Any]
    """Hyper-parameters as the original spells them; may be empty or incomplete."""

    @property
    def entries(self) -> dict[str, TensorEntry]:
        return {key: file.entries[own] for key, (file, own) in self.places.items()}

    def tied(self) -> Part:
        """With both keys of a tied head, where the file has but one of them."""
        pair = ("prior.x_emb.weight", "prior.x_out.weight")
        has = [key for key in pair if key in self.places]
        if len(has) != 1:
            return self
        return replace(self, places={**self.places, **dict.fromkeys(pair, self.places[has[0]])})

    def write(self, path: Path, order: Iterable[str], progress: Callable[[int], None]) -> None:
        """Copy every tensor into a safetensors file."""
        entries = self.entries
        ordered = {key: replace(entries[key], start=0) for key in order}

        touched_bytes = 0

        def chunks(key: str) -> Iterable[memoryview]:
            nonlocal touched_bytes
            file, own = self.places[key]
            yield from file.chunks(own)
            touched_bytes += entries[key].size_bytes
            if touched_bytes > _RELEASE_BYTES:
                touched_bytes = 0
                for every, _ in self.places.values():
                    every.release()

        write_streamed(path, ordered, chunks, progress)


def _open_part(checkpoints: Checkpoints, wanted: str | int, stack: ExitStack) -> Part:
    """One part of a model; its files stay open as long as `stack`."""
    if not checkpoints.hugging_face:
        file = open_weights(checkpoints.files[wanted][0])
        stack.callback(file.close)
        hps = file.hps if isinstance(file, TorchFile) else {}
        return Part(file.path, {key: (file, key) for key in file.entries}, hps)
    every: dict[str, tuple[WeightFile, str]] = {}
    for path in checkpoints.files[None]:
        file = open_weights(path)
        stack.callback(file.close)
        every.update({key: (file, key) for key in file.entries})
    places = {own: every[key] for key, (part, own) in openai_keys(every).items() if part == wanted}
    return Part(checkpoints.folder, places, hugging_face_hps(checkpoints.folder).get(wanted, {}))


# Recognising a model -------------------------------------------------------------------------

Config = TypeVar("Config", VQVAEConfig, PriorConfig)

_BAD_HPS = (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError)


def _recognise_vqvae(part: Part) -> VQVAEConfig:
    """The published configuration that fits, else the one that the file's own words describe."""
    candidates = {PUBLISHED_VQVAE: vqvae_shapes(PUBLISHED_VQVAE)}
    with contextlib.suppress(*_BAD_HPS):  # then the published shape is all there is to fit
        own = vqvae_config(VQVAE_PART, part.hps)
        candidates[own] = vqvae_shapes(own)
    return _fitting(part, candidates)


def _recognise_prior(part: Part, level: int, vqvae: VQVAEConfig) -> tuple[PriorConfig, Part]:
    """As for the VQ-VAE; and the part with both keys of its head, should that be tied."""
    stated = part.hps.get("level", level)
    if stated != level:
        raise JukeboxError(f"{part.path} holds the prior of level {stated}, expected {level}.")
    configs: list[PriorConfig] = []
    if vqvae == PUBLISHED_VQVAE:
        configs += [config for config in PUBLISHED_PRIORS.values() if config.level == level]
    try:
        configs.append(prior_config(f"prior_level_{level}", part.hps, vqvae))
    except _BAD_HPS as error:
        if not configs:
            raise JukeboxError(
                f"{part.path} has not the shape of a published model, and the hyper-parameters in "
                f"it do not describe one ({type(error).__name__}: {error})."
            ) from error
    config = _fitting(part, {config: prior_shapes(config) for config in configs})
    return config, part if config.untied_head else part.tied()


def _fitting(part: Part, candidates: Mapping[Config, Shapes]) -> Config:
    """The first candidate that a part fits.

    Raises JukeboxError with a difference to the nearest of them.
    """
    wrong: dict[Config, list[str]] = {}
    for config, shapes in candidates.items():
        tied = isinstance(config, PriorConfig) and not config.untied_head
        entries = (part.tied() if tied else part).entries
        wrong[config] = differences({key: e.shape for key, e in entries.items()}, shapes)
        if not wrong[config]:
            return config
    nearest = min(wrong, key=lambda config: len(wrong[config]))
    clauses = wrong[nearest]
    more = f" ({len(clauses) - 1} more differences)" if len(clauses) > 1 else ""
    raise JukeboxError(f"{part.path} does not fit {nearest.name}: {clauses[0]}{more}.")


# Label tables --------------------------------------------------------------------------------


def load_label_tables(folders: Iterable[Path], version: Version) -> LabelTables:
    """The tables of a version from the first folder that has them.

    A folder may hold the original's `v2_artist_ids.txt` and so on, Hugging Face's artists.json and
    genres.json, or a bundle's `labels_v2.json`.

    Raises JukeboxError where none does, saying what is missing, or where a table is damaged.
    """
    folders = list(folders)
    for folder in folders:
        if (folder / f"{version}_artist_ids.txt").is_file():
            return LabelTables.from_ids_folder(folder, version)
        if (folder / labels_file(version)).is_file():
            path = folder / labels_file(version)
            try:
                value = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise JukeboxError(f"{path} is not a label table.") from error
            return LabelTables.from_json(value, str(path))
        if (folder / "artists.json").is_file():
            return LabelTables.from_hugging_face(folder, version)
    looked = ", ".join(str(folder) for folder in folders)
    raise JukeboxError(
        f"The names of artists and genres ({version}) are missing; they were looked for in "
        f"{looked}. Name their folder with --labels: it holds {version}_artist_ids.txt and "
        f"{version}_genre_ids.txt (jukebox/data/ids of OpenAI's repository), or artists.json and "
        "genres.json (of the Hugging Face model)."
    )


# Importing -----------------------------------------------------------------------------------


def import_checkpoints(
    source: Path,
    name: str,
    destination: Path,
    label_tables: Path | None = None,
    progress: Progress = no_progress,
    *,
    files: Mapping[str | int, Path] | None = None,
    top: str | None = None,
) -> Path:
    """Make the bundle `destination / name` of the checkpoints in `source`; returns its folder.

    `files` and `top`: see `find_checkpoints`. `label_tables`: the folder of the names of artists
    and genres, where they are not with the checkpoints.

    Raises JukeboxError, and leaves nothing behind, where a file is missing, damaged or of another
    shape, label tables are missing, or disk or memory do not suffice.
    """
    check_name(name)
    checkpoints = find_checkpoints(source, files, top)
    folder = destination / name
    if folder.exists():
        raise JukeboxError(f"{folder} is already there; choose another name, or remove it first.")
    plan = plan_import(checkpoints, destination)
    plan.check()
    job = _Import(checkpoints, name, label_tables)
    job.look_ahead()
    total, done = sum(path.stat().st_size for path in checkpoints.paths), 0

    def step(size_bytes: int) -> None:
        nonlocal done
        done = min(total, done + size_bytes)
        progress("copying weights", done, total)

    write_bundle(folder, lambda part: job.fill(part, step), progress=progress)
    return folder


class _Import:
    """One import: what has been recognised so far, and the copying."""

    def __init__(self, checkpoints: Checkpoints, name: str, label_tables: Path | None) -> None:
        self.checkpoints = checkpoints
        self.name = name
        source = checkpoints.folder
        self.label_folders = [label_tables] if label_tables else [source, source / "ids"]
        self.vqvae: VQVAEConfig | None = None
        self.priors: dict[int, PriorConfig] = {}
        self.tables: dict[str, LabelTables] = {}

    def look_ahead(self) -> None:
        """Recognise what can be opened for little, so that faults show before the long copying."""
        for wanted in self.checkpoints.parts:
            paths = self.checkpoints.files.get(wanted) or self.checkpoints.files[None]
            cheap = wanted == VQVAE_PART or not any(is_torch_legacy(path) for path in paths)
            if cheap:
                with ExitStack() as stack:
                    self._recognise(wanted, _open_part(self.checkpoints, wanted, stack))

    def fill(self, folder: Path, step: Callable[[int], None]) -> Manifest:
        """Write weights and label tables into a bundle's folder."""
        for wanted in self.checkpoints.parts:
            with ExitStack() as stack:
                part = _open_part(self.checkpoints, wanted, stack)
                part, shapes = self._recognise(wanted, part)
                name = VQVAE_FILE if isinstance(wanted, str) else prior_file(wanted)
                part.write(folder / name, shapes, step)
        for version, tables in self.tables.items():
            text = json.dumps(tables.to_json(), ensure_ascii=False, indent=0)
            (folder / labels_file(version)).write_text(text, encoding="utf-8")
        assert self.vqvae is not None  # the first part
        published = self.vqvae == PUBLISHED_VQVAE and all(
            config in PUBLISHED_PRIORS.values() for config in self.priors.values()
        )
        return Manifest(
            name=self.name,
            description=f"Imported from {', '.join(p.name for p in self.checkpoints.paths)}",
            licence=OPENAI_JUKEBOX if published else UNKNOWN_LICENCE,
            attribution=(_ATTRIBUTION,),
            vqvae=self.vqvae,
            priors=self.priors,
        )

    def _recognise(self, wanted: str | int, part: Part) -> tuple[Part, Shapes]:
        if isinstance(wanted, str):
            self.vqvae = _recognise_vqvae(part)
            return part, vqvae_shapes(self.vqvae)
        assert self.vqvae is not None  # the first part
        if wanted >= self.vqvae.levels:
            raise JukeboxError(
                f"{part.path} is of level {wanted}, but the VQ-VAE has levels 0 to "
                f"{self.vqvae.levels - 1}."
            )
        config, part = _recognise_prior(part, wanted, self.vqvae)
        self.priors[wanted] = config
        if config.labels:
            version = config.labels.version
            if version not in self.tables:
                self.tables[version] = load_label_tables(self.label_folders, version)
            Labeller.for_prior(config, self.tables[version])  # complains of ids out of range
        return part, prior_shapes(config)
