"""A folder of golden vectors, and the report of a run over it.

The folder lists its files with SHA-256 in `cases.json`. Each is checked by hash before use, and a
listed file that no check has opened is a failure: nothing is skipped in silence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jukebox_studio.errors import JukeboxError


class ReferenceFolder:
    """Opens the files of one folder, after checking their hash, and remembers which were used."""

    def __init__(self, root: Path, ids_root: Path | None = None) -> None:
        cases = root / "cases.json"
        if not cases.is_file():
            raise JukeboxError(f"{root} holds no cases.json; name a folder of golden vectors.")
        self.root = root
        self.ids_root = ids_root or root / "ids"
        self.listed: dict[str, str] = json.loads(cases.read_text(encoding="utf-8"))["files"]
        self.used: set[str] = set()

    def path(self, name: str) -> Path:
        """The path of a listed file whose hash is right; JukeboxError otherwise."""
        if name not in self.listed:
            raise JukeboxError(f"{name} is not listed in {self.root / 'cases.json'}.")
        path = self.root / name
        if not path.is_file():
            raise JukeboxError(f"{path} is listed in cases.json but is not there.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.listed[name]:
            raise JukeboxError(f"{path} is not the file that cases.json lists (SHA-256 differs).")
        self.used.add(name)
        return path

    def names(self, folder: str, suffix: str) -> list[str]:
        """Listed files directly in `folder` that end with `suffix`, sorted."""
        return sorted(
            n for n in self.listed if n.rpartition("/")[0] == folder and n.endswith(suffix)
        )

    def json(self, name: str) -> Any:
        return json.loads(self.path(name).read_text(encoding="utf-8"))

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.path(name), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def checkpoint(self, name: str) -> dict[str, Any]:
        return torch.load(self.path(name), map_location="cpu", weights_only=True)

    def unused(self) -> list[str]:
        return sorted(set(self.listed) - self.used)


@dataclass(frozen=True)
class Outcome:
    """One line of the report. `deviation` and `tolerance` are in the case's own units."""

    case: str
    passed: bool
    deviation: float
    tolerance: float
    detail: str = ""


@dataclass
class Report:
    """Collects outcomes; comparisons never raise, so that one bad case does not hide the next."""

    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def exact(self, case: str, got: Any, want: Any) -> None:
        """Equal in shape and in every element. Deviation = number of elements that differ."""
        got, want = _array(got), _array(want)
        if got.shape != want.shape:
            self.add(Outcome(case, False, float("inf"), 0.0, _shapes(got, want)))
            return
        wrong = int(np.count_nonzero(got != want))
        self.add(Outcome(case, wrong == 0, wrong, 0.0, "elements differ" if wrong else "exact"))

    def close(
        self, case: str, got: Any, want: Any, *, atol: float = 0.0, rtol: float = 0.0
    ) -> None:
        """|got - want| <= atol + rtol |want| everywhere.

        With atol the deviation shown is absolute, against the tolerance at the worst element;
        with rtol alone it is relative.
        """
        got = _array(got).astype(np.float64)
        want = _array(want).astype(np.float64)
        if got.shape != want.shape:
            self.add(Outcome(case, False, float("inf"), atol, _shapes(got, want)))
            return
        if got.size == 0:
            self.add(Outcome(case, False, float("inf"), atol, "nothing to compare"))
            return
        error = np.abs(got - want)
        allowed = atol + rtol * np.abs(want)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(error == 0, 0.0, error / allowed)
        worst = int(np.argmax(np.nan_to_num(ratio, nan=np.inf)))
        passed = bool(np.all(error <= allowed))  # NaN compares false, so it fails
        deviation, tolerance = error.flat[worst], allowed.flat[worst]
        if atol == 0.0 and want.flat[worst] != 0:
            deviation, tolerance = deviation / abs(want.flat[worst]), rtol
        self.add(Outcome(case, passed, float(deviation), float(tolerance)))

    def codes(self, case: str, got: Any, want: Any, margin: Any, least_margin: float) -> None:
        """Equal codes, excusing only those whose decision margin is below `least_margin`."""
        got, want, margin = _array(got), _array(want), _array(margin)
        if got.shape != want.shape:
            self.add(Outcome(case, False, float("inf"), 0.0, _shapes(got, want)))
            return
        wrong = got != want
        bad = int(np.count_nonzero(wrong & (margin >= least_margin)))
        excused = int(np.count_nonzero(wrong)) - bad
        self.add(Outcome(case, bad == 0, bad, 0.0, f"{excused} within float noise"))

    def true(self, case: str, passed: bool, detail: str = "") -> None:
        self.add(Outcome(case, passed, 0.0 if passed else float("inf"), 0.0, detail))

    @contextmanager
    def section(self, case: str) -> Iterator[None]:
        """Turns anything raised inside into one failed outcome named `case`."""
        try:
            yield
        except Exception as error:
            self.add(Outcome(case, False, float("inf"), 0.0, f"{type(error).__name__}: {error}"))

    @property
    def failed(self) -> int:
        return sum(not o.passed for o in self.outcomes)


def _array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    return np.asarray(value)


def _shapes(got: np.ndarray, want: np.ndarray) -> str:
    return f"shape {got.shape}, expected {want.shape}"
