"""Presets: requests with holes, one JSON file each, saved by people and shared between them. No Qt.

    {"preset": 1, "name": "Far away", "description": "...",
     "request": {"operation": {"kind": "restyle", "keep": 0.2}, "guidance": {"style": 2.5}}}

`request` holds fields of `jukebox_studio.request.Request`; what is left out stays as the panel has
it. What belongs to one clip (the clip, its codes, spans, its place in the song) is never in one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs
from pydantic import TypeAdapter
from unidecode import unidecode  # type: ignore[import-untyped]

from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically
from jukebox_studio.model.config import Precision
from jukebox_studio.presets import presets_folder
from jukebox_studio.request import (
    MOST_VARIANTS,
    Continue,
    FileFormat,
    Guidance,
    Lyrics,
    Restyle,
    Sampling,
    Span,
    Vary,
)
from jukebox_studio.style import Style
from ui.draft import KINDS, Draft, Unit
from ui.words import translate

PRESET_VERSION = 1
LARGEST_BYTES = 1_000_000
MOST_NAME = 80
SUFFIX = ".json"
"""Files are `NAME.preset.json`; any JSON file may be opened as one."""

Portion = Literal["operation", "style", "words", "sampling", "output"]
PORTIONS: tuple[Portion, ...] = get_args(Portion)
"""What may be saved apart: the rest are holes."""

_FIELDS: dict[Portion, tuple[str, ...]] = {
    "operation": ("operation",),
    "style": ("style",),
    "words": ("lyrics",),
    "sampling": ("guidance", "sampling", "sampling_by_level", "precision"),
    "output": ("variants", "seed", "preview_only", "width", "to_grid", "file_format"),
}
_KINDS: dict[str, TypeAdapter[Any]] = {
    "style": TypeAdapter(Style),
    "lyrics": TypeAdapter(Lyrics | None),
    "guidance": TypeAdapter(Guidance),
    "sampling": TypeAdapter(Sampling),
    "sampling_by_level": TypeAdapter(dict[int, Sampling]),
    "precision": TypeAdapter(Precision),
    "variants": TypeAdapter(int),
    "seed": TypeAdapter(int),
    "preview_only": TypeAdapter(bool),
    "width": TypeAdapter(float),
    "to_grid": TypeAdapter(bool),
    "file_format": TypeAdapter(FileFormat),
}
_OPERATION_KINDS: dict[str, TypeAdapter[Any]] = {
    "length": TypeAdapter(float),
    "unit": TypeAdapter(Unit),
    "keep": TypeAdapter(float),
    "candidates": TypeAdapter(int),
}
_OPERATION_FIELDS = {
    "continue": {"length", "unit"},
    "restyle": {"keep"},
    "relyric": {"keep"},
    "vary": {"keep", "candidates"},
}


@dataclass(frozen=True)
class Preset:
    """Some fields of a request, under a name."""

    name: str
    description: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    """As JSON."""
    path: Path | None = None
    is_shipped: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > MOST_NAME:
            raise JukeboxError(
                translate("Presets", "A preset needs a name of 1 to {0} letters.").format(MOST_NAME)
            )

    def to_json(self) -> dict[str, Any]:
        return {
            "preset": PRESET_VERSION,
            "name": self.name,
            "description": self.description,
            "request": dict(self.request),
        }


# Draft and preset --------------------------------------------------------------------------------


def preset_of(
    draft: Draft, name: str, portions: Collection[Portion] = PORTIONS, description: str = ""
) -> Preset:
    """What a draft says of these portions. The seed goes along only where it is locked."""
    every: dict[str, Any] = {
        "operation": _operation_json(draft),
        "lyrics": draft.lyrics,
        "precision": draft.precision,
        "variants": draft.variants,
        "preview_only": draft.preview_only,
        "width": draft.width,
        "to_grid": draft.to_grid,
        "file_format": draft.file_format,
    }
    for key in ("style", "guidance", "sampling", "sampling_by_level"):
        every[key] = _KINDS[key].dump_python(getattr(draft, key), mode="json")
    if draft.seed_locked and draft.seed is not None:
        every["seed"] = draft.seed
    wanted = [key for portion in PORTIONS if portion in portions for key in _FIELDS[portion]]
    return Preset(name.strip(), description, {key: every[key] for key in wanted if key in every})


def _operation_json(draft: Draft) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": draft.kind}
    if draft.kind == "continue":
        values |= {"length": draft.length, "unit": draft.unit}
    else:
        values["keep"] = draft.keep
    if draft.kind == "vary":
        values["candidates"] = draft.candidates
    return values


def filled(draft: Draft, preset: Preset) -> Draft:
    """The draft with what the preset says in place of what it said. JukeboxError names a fault."""
    what = translate("Presets", "The preset “{0}” cannot be used").format(preset.name)
    changes: dict[str, Any] = {}
    for key, value in preset.request.items():
        if key == "operation":
            changes |= _operation_changes(value, what)
        elif key in _KINDS:
            changes[key] = checked(_KINDS[key], value, f"{what}: {key}")
        else:
            raise JukeboxError(
                translate("Presets", "{0}: a preset has no “{1}”; it belongs to one clip.").format(
                    what, key
                )
            )
    if "lyrics" in changes:
        lyrics = changes.pop("lyrics")
        changes["voice"] = "open" if lyrics is None else "words" if lyrics else "none"
        if lyrics:
            changes["new_words"] = lyrics
    if "seed" in changes:
        changes["seed_locked"] = True
        _check_range(what, "seed", changes["seed"], 0, 2**64 - 1)
    _check_range(what, "variants", changes.get("variants", 1), 1, MOST_VARIANTS)
    _check_range(what, "width", changes.get("width", 1.0), 0.0, 2.0)
    return replace(draft, **changes)


def _operation_changes(value: Any, what: str) -> dict[str, Any]:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in KINDS:
        raise JukeboxError(
            translate("Presets", "{0}: there is no operation “{1}”.").format(what, kind)
        )
    said = {key: part for key, part in value.items() if key != "kind"}
    if wrong := sorted(said.keys() - _OPERATION_FIELDS[kind]):
        raise JukeboxError(
            translate("Presets", "{0}: {1} takes no “{2}” from a preset.").format(
                what, kind, wrong[0]
            )
        )
    values = {k: checked(_OPERATION_KINDS[k], v, f"{what}: {k}") for k, v in said.items()}
    # The operations know their own limits.
    if kind == "continue":
        Continue(values.get("length", 1.0), values.get("unit", "bars"))
        return {"kind": kind, **values}
    Restyle(values.get("keep", 0.0))
    if kind == "vary":
        Vary((Span(0, 1),), candidates=values.get("candidates", 1))
    if "keep" in values:
        values[f"keep_{kind}"] = values.pop("keep")
    return {"kind": kind, **values}


def _check_range(what: str, key: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise JukeboxError(
            translate("Presets", "{0}: {1} goes from {2} to {3}, not {4}.").format(
                what, key, f"{lowest:g}", f"{highest:g}", f"{value:g}"
            )
        )


# Files -------------------------------------------------------------------------------------------


def user_presets_folder() -> Path:
    return platformdirs.user_data_path("jukebox-studio") / "presets"


def shipped_presets_folder() -> Path:
    return presets_folder() / "styles"


def load_preset(path: Path, *, is_shipped: bool = False) -> Preset:
    """The preset in a file, checked whole. JukeboxError names the file and what is wrong."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise JukeboxError(
                translate("Presets", "{0} is too large for a preset; choose another file.").format(
                    path
                )
            )
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise JukeboxError(
            translate("Presets", "{0} cannot be read: {1}.").format(path, error.strerror or error)
        ) from error
    except (ValueError, RecursionError) as error:
        raise JukeboxError(
            translate("Presets", "{0} is not a preset: it is not JSON text.").format(path)
        ) from error
    version = data.get("preset") if isinstance(data, dict) else None
    if version != PRESET_VERSION:
        if isinstance(version, int) and version > PRESET_VERSION:
            raise JukeboxError(
                translate(
                    "Presets", "{0} was made by a newer version; update Jukebox Studio."
                ).format(path)
            )
        raise JukeboxError(
            translate("Presets", "{0} is not a preset of Jukebox Studio.").format(path)
        )
    name, description, request = (data.get(key) for key in ("name", "description", "request"))
    if not (isinstance(name, str) and isinstance(request, dict)):
        raise JukeboxError(
            translate("Presets", "{0} is not a preset: it needs a name and a request.").format(path)
        )
    said = description if isinstance(description, str) else ""
    preset = Preset(name, said, request, path, is_shipped)
    filled(Draft(), preset)
    return preset


def find_presets(folder: Path) -> tuple[list[Preset], list[str]]:
    """Those that ship and then those in `folder`, by name, and a sentence for each bad file."""
    found: list[Preset] = []
    faults: list[str] = []
    for where, is_shipped in ((shipped_presets_folder(), True), (folder, False)):
        some: list[Preset] = []
        for path in sorted(where.glob(f"*{SUFFIX}")) if where.is_dir() else ():
            try:
                some.append(load_preset(path, is_shipped=is_shipped))
            except JukeboxError as error:
                faults.append(str(error))
        found += sorted(some, key=lambda preset: preset.name.casefold())
    return found, faults


def save_preset(preset: Preset, folder: Path) -> Preset:
    """Write a preset into a folder; one of the same name there is replaced."""
    path = _path_for(preset.name, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JukeboxError(
            translate("Presets", "{0} cannot be made: {1}.").format(folder, error.strerror or error)
        ) from error
    write_preset(preset, path)
    return replace(preset, path=path, is_shipped=False)


def write_preset(preset: Preset, path: Path) -> None:
    """To a file for somebody else."""
    text = json.dumps(preset.to_json(), indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode("utf-8"))


def import_preset(path: Path, folder: Path) -> Preset:
    """Somebody's preset, checked and copied; it gets another name where that one is taken.

    One that is there already stays as it is.
    """
    preset = load_preset(path)
    there = find_presets(folder)[0]
    for known in there:
        if known.request == preset.request and known.name.startswith(preset.name):
            return known
    taken = {known.name for known in there}
    name, number = preset.name, 2
    while name in taken:
        name, number = f"{preset.name[: MOST_NAME - 8]} ({number})", number + 1
    return save_preset(replace(preset, name=name), folder)


def delete_preset(preset: Preset) -> None:
    if preset.is_shipped or preset.path is None:
        raise JukeboxError(
            translate("Presets", "{0} ships with the program and stays.").format(preset.name)
        )
    try:
        preset.path.unlink(missing_ok=True)
    except OSError as error:
        raise JukeboxError(
            translate("Presets", "{0} cannot be deleted: {1}.").format(
                preset.path, error.strerror or error
            )
        ) from error


def _path_for(name: str, folder: Path) -> Path:
    """A file name that every system takes; another one where a preset of another name has it."""
    stem = re.sub(r"[^a-z0-9]+", "-", unidecode(name).lower()).strip("-")[:60] or "preset"
    number = 1
    while True:
        # Windows keeps names like "con" for devices.
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}.preset{SUFFIX}"
        if not path.exists():
            return path
        try:
            if load_preset(path).name == name:
                return path
        except JukeboxError:
            pass  # unreadable, and so not ours to replace
        number += 1
