"""What a render has done so far, in a folder, so that a killed one goes on.

job.json               the request, the model that it belongs to, and where results go
level_{n}.safetensors  codes of a level up to its last finished window
candidates.safetensors the same of a level of which the best rows are yet to be chosen
names.json             the file that each variant is being written to
finished.json          the variants that lie on disk
preview-{variant}.wav  what can be heard already
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from jukebox_studio.bundle import Bundle, bundle_sha256
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import VariantFinished, event_from_json
from jukebox_studio.files import write_atomically
from jukebox_studio.request import Request, Upsample, request_from_json

_JOB, _NAMES, _FINISHED = "job.json", "names.json", "finished.json"


@dataclass(frozen=True)
class JobFolder:
    """An opened folder of one job."""

    folder: Path

    @classmethod
    def open(cls, folder: Path, bundle: Bundle, request: Request, out: Path) -> JobFolder:
        """The job in `folder`, begun if there is none.

        Raises JukeboxError where it is that of another request or of another model.
        """
        described = {
            "request": request.to_json(),
            "model": bundle.manifest.name,
            "manifest_sha256": bundle_sha256(bundle.folder),
            "model_folder": str(bundle.folder.resolve()),
            "out": str(out.resolve()),
        }
        job = cls(folder)
        before = job._read(_JOB)
        if before is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise JukeboxError(
                    f"The folder {folder} cannot be made: {error.strerror}. Choose another."
                ) from error
            job._write(_JOB, described)
            return job
        for key, what in (("request", "request"), ("manifest_sha256", "model")):
            if before.get(key) != described[key]:
                raise JukeboxError(
                    f"{folder} keeps the work of another {what}; give this one a folder of its own."
                )
        return job

    def codes(self, name: str) -> Tensor | None:
        """Tensor[B, T] of `level_{n}` or `candidates`, what was given included.

        None where no window of it is done.
        """
        path = self._codes_path(name)
        if not path.is_file():
            return None
        try:
            return load_file(path)["codes"].long()
        except (SafetensorError, KeyError, OSError) as error:
            raise JukeboxError(
                f"{path} cannot be read ({error}); remove it, and its level is made again."
            ) from error

    def keep(self, name: str, codes: Tensor) -> None:
        content = save({"codes": codes.to(torch.int32).contiguous()})
        write_atomically(self._codes_path(name), content)

    def name(self, variant: int) -> Path | None:
        """Where a variant was going to be written when the job was stopped."""
        found = (self._read(_NAMES) or {}).get(str(variant))
        return Path(found) if found else None

    def keep_name(self, variant: int, path: Path) -> None:
        self._write(_NAMES, (self._read(_NAMES) or {}) | {str(variant): str(path)})

    def finished(self, variant: int) -> VariantFinished | None:
        """A variant that was written before and is still there."""
        for data in self._read(_FINISHED) or []:
            event = event_from_json(data)
            assert isinstance(event, VariantFinished)
            if event.variant == variant and event.audio_path.is_file():
                return event
        return None

    def finish(self, event: VariantFinished) -> None:
        self._write(_FINISHED, [*(self._read(_FINISHED) or []), event.to_json()])

    def _codes_path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    def _read(self, name: str) -> Any:
        path = self.folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise JukeboxError(f"{path} cannot be read: {error}.") from error

    def _write(self, name: str, value: Any) -> None:
        write_atomically(self.folder / name, (json.dumps(value, indent=1) + "\n").encode())


def settled(request: Request, bundle: Bundle, folder: Path | None) -> Request:
    """The request with what it leaves open as `folder` was begun, else as the model recommends.

    So a job ends as it began, whatever is recommended meanwhile.
    """
    drawings, leading = bundle.manifest.recommended, bundle.manifest.guidance
    if folder is not None and (begun := _begun(folder)) is not None:
        drawings = {n: begun.sampling_of(n).over(drawing) for n, drawing in drawings.items()}
        leading = begun.leading(leading)
    return request.settled(drawings, leading)


def goes_on(folder: Path, request: Request, bundle: Bundle) -> Request:
    """The request that `folder` was begun with where it is this one but for its date.

    The same command, given again, asks at another time; it is the first one that goes on.
    """
    first = _begun(folder)
    if first is None:
        return request
    if isinstance(request.operation, Upsample):  # drawn as its preview was, whatever it says
        drawn = request.drawn_as(first)
    else:
        drawn = settled(request, bundle, folder)
    return first if replace(drawn, date=first.date) == first else request


def _begun(folder: Path) -> Request | None:
    before = JobFolder(folder)._read(_JOB)
    return None if before is None else request_from_json(before["request"])
