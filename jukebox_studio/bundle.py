"""A bundle: the folder that holds one usable model. No torch.

    manifest.json            what the model is, its licence, how it is best sampled, and a SHA-256
                             of every other file
    vqvae.safetensors        prior_level_{0,1,2}.safetensors
    labels_v2.json           {"version": "v2", "artists": {name: id}, "genres": {name: id}}
    LICENCE.txt              ATTRIBUTION.txt

Level 0 is the bottom (finest) level.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jukebox_studio import presets
from jukebox_studio.drawing import Drawing, Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically
from jukebox_studio.licences import Licence
from jukebox_studio.model.config import PriorConfig, VQVAEConfig
from jukebox_studio.model.shapes import (
    Shapes,
    differences,
    prior_shapes,
    vqvae_shapes,
)
from jukebox_studio.tensor_file import read_header

FORMAT = 1
MANIFEST = "manifest.json"
RECOMMENDATIONS = ("sampling", "guidance")
"""Fields of a manifest that say how a model is best used, and change nothing of it."""
LICENCE_FILE, ATTRIBUTION_FILE = "LICENCE.txt", "ATTRIBUTION.txt"
VQVAE_FILE = "vqvae.safetensors"
MODELS_VARIABLE = "JUKEBOX_STUDIO_MODELS"
_PART = ".part-"
_BLOCK_BYTES = 1 << 20
_WEIGHT_DTYPES = {"F32", "F16", "BF16"}

LabelVersion = Literal["v2", "v3"]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, bytes done and bytes in all."""


def no_progress(what: str, done_bytes: int, total_bytes: int) -> None:
    """Progress for those who do not watch."""


def prior_file(level: int) -> str:
    return f"prior_level_{level}.safetensors"


def labels_file(version: str) -> str:
    return f"labels_{version}.json"


class FileEntry(BaseModel):
    """One file of a bundle, as the manifest vouches for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: int
    dtypes: tuple[str, ...] = ()
    """How the weights are stored (F32, F16); empty for files without weights."""


class Manifest(BaseModel):
    """What `manifest.json` holds. Configurations come back exactly as they were written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    description: str = ""
    licence: Licence
    attribution: tuple[str, ...]
    """One line for each work the model comes from."""
    vqvae: VQVAEConfig
    priors: dict[int, PriorConfig]
    """By level; with their label version, alignment layer and head."""
    sampling: dict[int, Drawing] = Field(default_factory=dict)
    """How levels are best drawn; see `recommended` for the others."""
    guidance: Leading = Leading()
    """How hard it is best led to what is asked for."""
    files: dict[str, FileEntry] = Field(default_factory=dict)

    @property
    def sample_rate_hz(self) -> int:
        return self.vqvae.sample_rate_hz

    @property
    def levels(self) -> int:
        return self.vqvae.levels

    @property
    def label_versions(self) -> tuple[LabelVersion, ...]:
        """The versions of label tables that the priors need."""
        return tuple(sorted({p.labels.version for p in self.priors.values() if p.labels}))

    @property
    def alignment(self) -> tuple[int, int] | None:
        """Layer and head whose attention follows the lyrics, where the model has one."""
        for _, prior in sorted(self.priors.items(), reverse=True):
            lyrics = prior.lyrics
            if lyrics and lyrics.alignment_layer is not None and lyrics.alignment_head is not None:
                return lyrics.alignment_layer, lyrics.alignment_head
        return None

    @property
    def recommended(self) -> dict[int, Drawing]:
        """How each level is drawn where a request leaves it open."""
        return {level: self.sampling.get(level, Drawing()) for level in sorted(self.priors)}

    def expected_shapes(self) -> dict[str, Shapes]:
        """For every file of weights the keys it must hold, and their shapes."""
        shapes = {VQVAE_FILE: vqvae_shapes(self.vqvae)}
        for level, prior in sorted(self.priors.items()):
            shapes[prior_file(level)] = prior_shapes(prior)
        return shapes

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        try:
            check_name(name)
        except JukeboxError as error:
            raise ValueError(str(error)) from error
        return name

    @field_validator("files")
    @classmethod
    def _inside_the_folder(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        for name in files:
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
                raise ValueError(f"{name!r} is not the plain name of a file in the bundle")
        return files

    @model_validator(mode="after")
    def _levels_agree(self) -> Manifest:
        for level, prior in self.priors.items():
            if not 0 <= level < self.levels or prior.level != level:
                raise ValueError(f"the prior of level {level} does not fit {self.levels} levels")
            for field, own, theirs in (
                ("hop_samples", prior.hop_samples, self.vqvae.hop_samples(level)),
                ("codebook_size", prior.codebook_size, self.vqvae.codebook_size),
                ("sample_rate_hz", prior.sample_rate_hz, self.vqvae.sample_rate_hz),
            ):
                if own != theirs:
                    raise ValueError(
                        f"the prior of level {level} has {field} {own}, the VQ-VAE {theirs}"
                    )
        for level in self.sampling:
            if level not in self.priors:
                raise ValueError(f"sampling is recommended for level {level}, which has no prior")
        return self


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: a folder whose manifest could be read. The files are not checked yet."""

    folder: Path
    manifest: Manifest

    @property
    def vqvae_path(self) -> Path:
        return self.folder / VQVAE_FILE

    def prior_path(self, level: int) -> Path:
        """The weights of a level; JukeboxError where the bundle has none for it."""
        if level not in self.manifest.priors:
            has = ", ".join(str(n) for n in sorted(self.manifest.priors)) or "none"
            raise JukeboxError(
                f"{self.manifest.name} has no prior of level {level}; it has levels {has}."
            )
        return self.folder / prior_file(level)

    def labels_path(self, version: str) -> Path:
        return self.folder / labels_file(version)


def check_name(name: str) -> None:
    """Raises JukeboxError where a name cannot be that of a bundle and of its folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise JukeboxError(
            f"{name!r} cannot be the name of a model: use letters, digits, '.', '_' and '-', "
            "64 at most, starting with a letter or digit."
        )


def load_manifest(path: Path) -> Manifest:
    """The manifest of a bundle's folder (or the manifest file itself), checked for sense.

    Raises JukeboxError naming the file and the field that is wrong.
    """
    file = path / MANIFEST if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise JukeboxError(
            f"{path} is not a model bundle: {file.name} cannot be read ({error.strerror})."
        ) from error
    except ValueError as error:
        raise JukeboxError(f"{file} is not valid JSON ({error}).") from error
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise JukeboxError(
            f"{file} has format {found!r}, this program reads format {FORMAT}; "
            "a newer version of Jukebox Studio may read it."
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise JukeboxError(f"{file}: {where}: {first['msg']}.") from error
    except JukeboxError as error:
        raise JukeboxError(f"{file}: {error}") from error


def open_bundle(path: Path) -> Bundle:
    """The bundle in a folder; JukeboxError where it has no readable manifest."""
    return Bundle(path, load_manifest(path))


def bundle_sha256(folder: Path) -> str:
    """What tells bundles apart: SHA-256 of the manifest without what it recommends.

    With the manifest goes every file, whose hash it holds. What is recommended is left out because
    results say what they were drawn with: codes and measurements stay those of the same model.
    JukeboxError where the folder is gone.
    """
    manifest = _manifest_json(folder)
    for recommended in RECOMMENDATIONS:
        manifest.pop(recommended, None)
    return hashlib.sha256(_manifest_text(manifest).encode()).hexdigest()


def recommend(
    bundle: Bundle, sampling: Mapping[int, Drawing], guidance: Leading | None = None
) -> Bundle:
    """Write how levels are best drawn and led into a bundle's manifest, and nothing else.

    `sampling`: of all levels; those left out are drawn as published. `guidance`: none by default.
    JukeboxError for levels that the bundle does not have.
    """
    # Not from the object: fields that the file leaves to their defaults stay out of it.
    manifest = _manifest_json(bundle.folder)
    for recommended in RECOMMENDATIONS:
        manifest.pop(recommended, None)
    if told := {n: asdict(drawing) for n, drawing in sampling.items() if drawing != Drawing()}:
        manifest["sampling"] = told
    if guidance is not None and guidance != Leading():
        manifest["guidance"] = asdict(guidance)
    try:
        changed = Bundle(bundle.folder, Manifest.model_validate(manifest))
    except ValidationError as error:
        raise JukeboxError(f"{bundle.manifest.name}: {error.errors()[0]['msg']}.") from error
    write_atomically(bundle.folder / MANIFEST, _manifest_text(manifest).encode())
    return changed


def _manifest_json(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise JukeboxError(
            f"The model in {folder} is gone ({error.strerror}). Put it back or choose another."
        ) from error
    return manifest


def _manifest_text(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=1, ensure_ascii=False)


def sha256(path: Path, progress: Callable[[int], None] = lambda _: None) -> str:
    """The hash of a file as lower-case hex. `progress` gets the bytes read since its last call."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            progress(len(block))
    return digest.hexdigest()


def faults(bundle: Bundle, progress: Progress = no_progress) -> list[str]:
    """What is wrong with a bundle's files, one sentence for each bad file. Reads every byte."""
    manifest = bundle.manifest
    total = sum(entry.size_bytes for entry in manifest.files.values())
    done = 0
    sentences = [
        f"{bundle.folder / name} is not listed in {MANIFEST}; import the model again."
        for name in _needed_files(manifest)
        if name not in manifest.files
    ]
    for name, entry in manifest.files.items():
        path = bundle.folder / name

        def step(size_bytes: int, name: str = name) -> None:
            nonlocal done
            done += size_bytes
            progress(f"checking {name}", done, total)

        try:
            _check_content(manifest, path)
            size = path.stat().st_size
            if size != entry.size_bytes:
                raise JukeboxError(f"{path} has {size} bytes, expected {entry.size_bytes}.")
            found = sha256(path, step)
            if found != entry.sha256:
                raise JukeboxError(
                    f"{path} was changed: its SHA-256 is {found}, expected {entry.sha256}; "
                    "import or install the model again."
                )
        except JukeboxError as error:
            sentences.append(str(error))
        except OSError as error:
            sentences.append(f"{path} cannot be read: {error.strerror}.")
    return sentences


def verify(path: Path, progress: Progress = no_progress) -> Manifest:
    """Check every file of a bundle: presence, keys and shapes, size, SHA-256.

    Raises JukeboxError with a sentence for each bad file.
    """
    bundle = open_bundle(path)
    sentences = faults(bundle, progress)
    if sentences:
        raise JukeboxError("\n".join(sentences))
    return bundle.manifest


def check_usable(bundle: Bundle) -> None:
    """Whether a bundle can make music: every file there, every key and shape right.

    Reads headers and label tables only. Raises JukeboxError naming the first thing that is wrong.
    """
    manifest = bundle.manifest
    missing = sorted(set(range(manifest.levels)) - set(manifest.priors))
    if missing:
        raise JukeboxError(
            f"{manifest.name} has no prior of level {missing[0]}, so it cannot make music; "
            "import the whole model."
        )
    for name in _needed_files(manifest):
        if name not in manifest.files:
            raise JukeboxError(
                f"{bundle.folder / name} is not listed in {MANIFEST}; import the model again."
            )
        _check_content(manifest, bundle.folder / name)


def check_shapes(path: Path, expected: Shapes) -> tuple[str, ...]:
    """The dtypes of a file of weights whose keys and shapes are as expected.

    Raises JukeboxError naming the file, the key, and the expected and found shape.
    """
    entries = read_header(path)
    wrong = differences({key: entry.shape for key, entry in entries.items()}, expected)
    if wrong:
        more = f" ({len(wrong) - 1} more differences)" if len(wrong) > 1 else ""
        raise JukeboxError(f"{path}: {wrong[0]}{more}.")
    for key, entry in entries.items():
        if entry.dtype not in _WEIGHT_DTYPES:
            raise JukeboxError(f"{path}: {key} has dtype {entry.dtype}, expected F32, F16 or BF16.")
    return tuple(sorted({entry.dtype for entry in entries.values()}))


def check_labels(path: Path, version: str, manifest: Manifest) -> None:
    """Raises JukeboxError where a label table is not one, or has ids the priors do not know."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        tables = {kind: data[kind] for kind in ("artists", "genres")}
        stated = data["version"]
        for table in tables.values():
            if not all(isinstance(i, int) for i in table.values()):
                raise TypeError("ids are whole numbers")
    except OSError as error:
        raise JukeboxError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JukeboxError(
            f"{path} is not a label table: it needs a version, and names with their ids "
            "under 'artists' and 'genres'."
        ) from error
    if stated != version:
        raise JukeboxError(f"{path} holds labels of version {stated}, expected {version}.")
    for prior in manifest.priors.values():
        if prior.labels is None or prior.labels.version != version:
            continue
        bins = {"artists": prior.labels.artist_bins, "genres": prior.labels.genre_bins}
        for kind, table in tables.items():
            for name, number in table.items():
                if not 0 <= number < bins[kind]:
                    raise JukeboxError(
                        f"{path}: {kind} gives {name!r} the id {number}, but {prior.name} knows "
                        f"ids 0 to {bins[kind] - 1}."
                    )


def write_bundle(
    destination: Path,
    fill: Callable[[Path], Manifest],
    *,
    replace: bool = False,
    progress: Progress = no_progress,
) -> Manifest:
    """Make the bundle `destination`, whole or not at all; returns the manifest as written.

    `fill` gets an empty folder, writes the weights and label tables into it, and returns what the
    manifest says of them. What it wrote is checked against that and hashed; `files` is made here,
    as are the licence and attribution files. The folder is renamed into place at the end, so that
    no half-made bundle is ever found under its name; whatever goes wrong, the work so far is
    removed. `replace` takes the place of what is there; files that were not the old bundle's stay.

    Raises JukeboxError: the destination is taken (unless `replace`), a file is missing or does not
    fit the manifest, the disk is full.
    """
    if destination.exists() and not replace:
        raise JukeboxError(
            f"{destination} is already there; choose another name, or remove it first."
        )
    part: Path | None = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{destination.name}{_PART}", dir=destination.parent))
        part.chmod(0o755)  # mkdtemp's own mode would hide a shared model from other users
        manifest = fill(part)
        (part / LICENCE_FILE).write_text(manifest.licence.notice, encoding="utf-8")
        credits = "".join(f"{line}\n" for line in manifest.attribution)
        (part / ATTRIBUTION_FILE).write_text(credits, encoding="utf-8")
        finished = _describe_files(part, manifest, progress)
        nothing = {"sampling": {}, "guidance": Leading()}
        unsaid = {name for name, value in nothing.items() if getattr(finished, name) == value}
        written = _manifest_text(finished.model_dump(mode="json", exclude=unsaid))
        (part / MANIFEST).write_text(written, encoding="utf-8")
        _flush(part)
        _move(part, destination)
    except OSError as error:
        raise JukeboxError(
            f"Writing {destination} failed: {error.strerror or error}; nothing was kept. "
            "Check the free space and the permissions there."
        ) from error
    finally:
        if part is not None and part.exists():
            shutil.rmtree(part, ignore_errors=True)
    return finished


def _needed_files(manifest: Manifest) -> tuple[str, ...]:
    labels = (labels_file(version) for version in manifest.label_versions)
    return (*manifest.expected_shapes(), *labels, LICENCE_FILE, ATTRIBUTION_FILE)


def _check_content(manifest: Manifest, path: Path) -> tuple[str, ...]:
    """Check what a file says against the manifest; the dtypes where it holds weights."""
    expected = manifest.expected_shapes().get(path.name)
    if expected is not None:
        return check_shapes(path, expected)
    for version in manifest.label_versions:
        if path.name == labels_file(version):
            check_labels(path, version, manifest)
    return ()


def _describe_files(part: Path, manifest: Manifest, progress: Progress) -> Manifest:
    for name in _needed_files(manifest):
        if not (part / name).is_file():
            raise JukeboxError(f"{manifest.name} needs {name}, which was not made.")
    paths = sorted(path for path in part.iterdir() if path.is_file())
    total, done = sum(path.stat().st_size for path in paths), 0

    def step(size_bytes: int) -> None:
        nonlocal done
        done += size_bytes
        progress("hashing", done, total)

    files = {
        path.name: FileEntry(
            sha256=sha256(path, step),
            size_bytes=path.stat().st_size,
            dtypes=_check_content(manifest, path),
        )
        for path in paths
    }
    # Validated again, so that no file name is written that would not be read.
    return Manifest.model_validate({**dict(manifest), "files": files})


def _flush(folder: Path) -> None:
    """Bring every file of a folder to the disk before its name is given to it."""
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _move(part: Path, destination: Path) -> None:
    if not destination.exists():
        part.rename(destination)
        _flush_folder(destination.parent)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{destination.name}{_PART}", dir=part.parent))
    old = destination.rename(aside / "old")
    try:
        part.rename(destination)
    except OSError:
        old.rename(destination)
        raise
    own = _own_files(old)
    # What others keep in the folder (the starter's recipe) is theirs.
    for path in old.iterdir():
        if path.name not in own and not (destination / path.name).exists():
            path.rename(destination / path.name)
    _flush_folder(destination.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _own_files(folder: Path) -> set[str]:
    try:
        return {MANIFEST, *load_manifest(folder).files}
    except JukeboxError:
        return {MANIFEST}


# Where bundles are found ---------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A folder that is, or should be, a bundle."""

    name: str
    folder: Path
    bundle: Bundle | None
    fault: str = ""
    """Why it cannot be used; empty where it can."""


def user_models_folder() -> Path:
    """Where imported models go: the first folder of $JUKEBOX_STUDIO_MODELS, or the user's data."""
    named = _folders_of_variable()
    return named[0] if named else platformdirs.user_data_path("jukebox-studio") / "models"


def find_bundles() -> list[Found]:
    """All bundles: of $JUKEBOX_STUDIO_MODELS, of the user, shipped. Of equal names the first.

    The variable lists folders as PATH does; each is a bundle or holds bundles.
    """
    found: dict[str, Found] = {}
    folders = [*_folders_of_variable(), platformdirs.user_data_path("jukebox-studio") / "models"]
    with contextlib.suppress(JukeboxError):  # without presets the user's models are still there
        folders.append(presets.presets_folder())
    for folder in folders:
        for candidate in _candidates(folder):
            one = _found(candidate)
            found.setdefault(one.name, one)
    return list(found.values())


def find_bundle(name_or_path: str | Path) -> Bundle:
    """The bundle of that name, or in that folder.

    Raises JukeboxError where there is none, naming those there are, or where it is unreadable.
    """
    path = Path(name_or_path)
    if (path / MANIFEST).is_file():
        return open_bundle(path)
    every = find_bundles()
    for one in every:
        if one.name == str(name_or_path):
            if one.bundle is None:
                raise JukeboxError(one.fault)
            return one.bundle
    names = ", ".join(one.name for one in every) or "none"
    raise JukeboxError(
        f"There is no model {str(name_or_path)!r}. Installed: {names}. Name one of these or the "
        "folder of a bundle; 'jukebox-studio models import' makes one."
    )


def leftovers() -> list[Path]:
    """Folders of imports that were killed before they could tidy up."""
    folders = {*_folders_of_variable(), user_models_folder()}
    return [
        path
        for folder in sorted(folders)
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_dir() and path.name.startswith(".") and _PART in path.name
    ]


def _folders_of_variable() -> list[Path]:
    value = os.environ.get(MODELS_VARIABLE, "")
    return [Path(part).expanduser() for part in value.split(os.pathsep) if part]


def _candidates(folder: Path) -> Iterator[Path]:
    if (folder / MANIFEST).is_file():
        yield folder
    elif folder.is_dir():
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and (path / MANIFEST).is_file():
                yield path


def _found(folder: Path) -> Found:
    try:
        bundle = open_bundle(folder)
    except JukeboxError as error:
        return Found(folder.name, folder, None, str(error))
    return Found(bundle.manifest.name, folder, bundle)
