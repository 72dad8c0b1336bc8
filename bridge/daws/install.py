"""Scripts into DAWs and out again: what was there is kept, what the user changed is left alone."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import platformdirs
import psutil
from pydantic import TypeAdapter

from bridge.spool import spool_folder
from bridge.token import configuration_folder, load_token, make_private_folder, token_path
from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically


@dataclass(frozen=True)
class Plan:
    """What installing or removing does."""

    own: Mapping[Path, bytes] = field(default_factory=dict)
    """Files that are ours alone."""
    shared: Mapping[Path, bytes] = field(default_factory=dict)
    """Files of the DAW, with what they shall hold."""
    notes: Sequence[str] = ()
    """What is left for people to do."""


class Installer(Protocol):
    """One DAW."""

    @property
    def title(self) -> str: ...

    def install(self) -> Plan:
        """JukeboxError where it cannot be: no such DAW, another version, it runs."""

    def remove(self) -> Plan:
        """`own` is empty: those files are known by the record of installing."""


@dataclass(frozen=True)
class Done:
    """What was done, for people."""

    written: tuple[Path, ...]
    deleted: tuple[Path, ...]
    backups: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Record:
    files: dict[str, str]
    """SHA-256 of what was written, by path."""


_RECORD = TypeAdapter(_Record)


def sent_folder() -> Path:
    """Where DAWs' scripts put sound that they make to be sent."""
    return platformdirs.user_data_path("jukebox-studio", appauthor=False) / "sent"


def install(name: str, daw: Installer) -> Done:
    """Put a DAW's files in place, over those of an earlier install.

    Raises JukeboxError as `Installer.install`, where a file of another is in the way, and where
    nothing can be written.
    """
    plan = daw.install()
    before = _record(name)
    for path, content in plan.own.items():
        if path.exists() and str(path) not in before and path.read_bytes() != content:
            raise JukeboxError(
                f"There is a file {path} that is not ours; move it away and install again."
            )
    make_ready()
    backups = [_backup(name, path) for path in plan.shared if path.exists()]
    # An own file that the user has changed since.
    backups += [
        _backup(name, path)
        for path in plan.own
        if path.exists() and _sha256(path.read_bytes()) != before.get(str(path))
    ]
    record = {str(path): _sha256(content) for path, content in plan.own.items()}
    _write_record(name, before | record)
    for path, content in {**plan.own, **plan.shared}.items():
        _make_folder(path.parent)
        write_atomically(path, content)
    deleted = [path for old in before if (path := Path(old)) not in plan.own and path.exists()]
    for path in deleted:
        path.unlink()
    _write_record(name, record)
    return Done((*plan.own, *plan.shared), tuple(deleted), tuple(backups), tuple(plan.notes))


def remove(name: str, daw: Installer) -> Done:
    """Take a DAW's files out again; one that the user has changed stays, and is told.

    Raises JukeboxError as `Installer.remove`, and where nothing can be written.
    """
    plan = daw.remove()
    notes, deleted = list(plan.notes), []
    backups = [_backup(name, path) for path in plan.shared if path.exists()]
    for path, content in plan.shared.items():
        write_atomically(path, content)
    for old, digest in _record(name).items():
        path = Path(old)
        if not path.exists():
            continue
        if _sha256(path.read_bytes()) != digest:
            notes.append(f"{path} was changed after it was installed, so it stays.")
            continue
        path.unlink()
        deleted.append(path)
    _record_path(name).unlink(missing_ok=True)
    return Done(tuple(plan.shared), tuple(deleted), tuple(backups), tuple(notes))


def installed_files(name: str) -> list[Path]:
    """Files of a DAW that were put in place and are still there."""
    return [path for old in _record(name) if (path := Path(old)).is_file()]


def program_runs(name: str) -> bool:
    """Whether a program runs that has the same home as this one; name: a pattern, in any case."""
    home = os.path.expanduser("~")
    for process in psutil.process_iter(["name"]):
        if not re.fullmatch(rf"({name})(\.exe)?", process.info["name"] or "", re.IGNORECASE):
            continue
        try:
            if process.environ().get("HOME", home) == home:
                return True
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            continue  # another user's
    return False


def make_ready() -> None:
    """What the scripts expect to find: the token, the exchange folder, the folder for sound."""
    load_token(token_path())
    for folder in (spool_folder(), sent_folder()):
        try:
            make_private_folder(folder)
        except OSError as error:
            raise JukeboxError(f"{folder} cannot be made: {error.strerror or error}.") from error


def _record_path(name: str) -> Path:
    return configuration_folder() / "daws" / f"{name}.json"


def _record(name: str) -> dict[str, str]:
    path = _record_path(name)
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise JukeboxError(f"{path} cannot be read: {error}; delete it.") from error
    return checked(_RECORD, data, f"{path} cannot be read").files


def _write_record(name: str, files: dict[str, str]) -> None:
    _make_folder(_record_path(name).parent)
    content = json.dumps({"files": files}, indent=1) + "\n"
    write_atomically(_record_path(name), content.encode())


def _backup(name: str, path: Path) -> Path:
    folder = configuration_folder() / "backups" / name
    _make_folder(folder)
    number, kept = 1, folder / f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}"
    while kept.exists():
        number += 1
        kept = kept.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}-{number}")
    write_atomically(kept, path.read_bytes())
    return kept


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JukeboxError(f"{folder} cannot be made: {error.strerror or error}.") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
