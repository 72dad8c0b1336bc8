"""What a render has done so far, in a folder, so that a killed one goes on.

job.json             the request and the model that it belongs to
level_{n}.safetensors codes of a level up to its last finished window
finished.json        the variants that lie on disk
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from jukebox_studio.bundle import MANIFEST, Bundle
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import VariantFinished, event_from_json
from jukebox_studio.files import write_atomically
from jukebox_studio.request import ContinueRequest

_JOB, _FINISHED = "job.json", "finished.json"


@dataclass(frozen=True)
class JobFolder:
    """An opened folder of one job."""

    folder: Path

    @classmethod
    def open(cls, folder: Path, bundle: Bundle, request: ContinueRequest) -> JobFolder:
        """The job in `folder`, begun if there is none.

        Raises JukeboxError where it is that of another request or of another model.
        """
        manifest = (bundle.folder / MANIFEST).read_bytes()
        described = {
            "request": request.to_json(),
            "model": bundle.manifest.name,
            "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        }
        job = cls(folder)
        before = job._read(_JOB)
        if before is None:
            folder.mkdir(parents=True, exist_ok=True)
            job._write(_JOB, described)
        elif before != described:
            what = "request" if before.get("request") != described["request"] else "model"
            raise JukeboxError(
                f"{folder} keeps the work of another {what}; give this one a folder of its own."
            )
        return job

    def codes(self, level: int) -> Tensor | None:
        """Tensor[B, T] of a level, prompt included; None where no window of it is done."""
        path = self._codes_path(level)
        if not path.is_file():
            return None
        try:
            return load_file(path)["codes"].long()
        except (SafetensorError, KeyError, OSError) as error:
            raise JukeboxError(
                f"{path} cannot be read ({error}); remove it, and its level is made again."
            ) from error

    def keep(self, level: int, codes: Tensor) -> None:
        content = save({"codes": codes.to(torch.int32).contiguous()})
        write_atomically(self._codes_path(level), content)

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

    def _codes_path(self, level: int) -> Path:
        return self.folder / f"level_{level}.safetensors"

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
