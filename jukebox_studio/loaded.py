"""The networks of a bundle in memory, kept between renders so that a warm engine starts at once."""

from __future__ import annotations

import gc

import psutil
import torch

from jukebox_studio import heap, memory
from jukebox_studio.bundle import Bundle, bundle_sha256, check_usable
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import Precision
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.request import Schedule
from jukebox_studio.sampling.weights import forget_others, is_native, is_packed, loaded_dtype
from jukebox_studio.sampling.windows import FEWEST_ROWS, MOST_ROWS

SPARE_SHARE = 0.2
"""Of the free memory, left to what a step computes on the way and to everything else."""


class Models:
    """One bundle at a time, each network loaded when it is first asked for.

    On a GPU where torch can use one; codes and sound stay on the processor.
    """

    def __init__(self) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._bundle: Bundle | None = None
        self._sha256 = ""
        self._vqvae: VQVAE | None = None
        self._priors: dict[int, Prior] = {}
        self._precision: Precision = "float32"
        self._tables: dict[int, LabelTables] = {}
        self.paces: dict[tuple[int, Schedule, Precision, int], float] = {}
        """Seconds a code when a level was last sampled like this: with a schedule, in a precision,
        with a number of guides."""

    def use(self, bundle: Bundle) -> None:
        """Make `bundle` the one in memory. JukeboxError where it cannot make music."""
        found = bundle_sha256(bundle.folder)
        if self._bundle is not None and found == self._sha256:
            if bundle.folder != self._bundle.folder:
                check_usable(bundle)  # a copy: the one before may be gone when it is asked for
            self._bundle = bundle  # which may recommend other sampling
            return
        check_usable(bundle)
        self.unload()
        self._bundle, self._sha256 = bundle, found

    def compute_in(self, precision: Precision) -> None:
        """Let go of what only another precision needs: the memory plan knows nothing of it."""
        forget_others(precision)
        if loaded_dtype(precision) != loaded_dtype(self._precision):
            self._priors.clear()
            gc.collect()
        self._precision = precision

    @property
    def bundle(self) -> Bundle:
        assert self._bundle is not None
        return self._bundle

    def has(self, level: int) -> bool:
        return level in self._priors

    def vqvae(self) -> VQVAE:
        if self._vqvae is None:
            self._vqvae = load_vqvae(self.bundle, self.device)
        return self._vqvae

    def prior(self, level: int) -> Prior:
        if level not in self._priors:
            dtype = loaded_dtype(self._precision)
            self._priors[level] = load_prior(self.bundle, level, self.device, dtype)
        return self._priors[level]

    def tables(self, level: int) -> LabelTables | None:
        """The names that a level's prior knows; None for one without labels."""
        labels = self.bundle.manifest.priors[level].labels
        if labels is None:
            return None
        if level not in self._tables:
            path = self.bundle.labels_path(labels.version)
            self._tables[level] = LabelTables.from_file(path)
        return self._tables[level]

    def make_room(self, level: int, rows: int) -> tuple[int, str]:
        """How many rows of a level can be sampled at a time, and what had to give for it.

        Follows the memory plan: other levels are dropped first, then rows. JukeboxError where not
        even the fewest fit.
        """
        heap.give_back()
        asked = memory.Asked(precision=self._precision, steps=self._steps())
        plan = memory.plan(self.bundle.manifest, asked)
        need = next(n for n in plan.levels if n.level == level)
        to_come = need.held_bytes
        if self.has(level):
            is_there = is_packed(self._priors[level].prior, self._precision)
            to_come = 0 if is_there else need.packed_bytes
        note = ""
        for last_resort in (False, True):
            free = self._free_bytes() * (1.0 - SPARE_SHARE) - to_come
            fit = int(free // max(1, need.row_bytes))
            if fit >= max(FEWEST_ROWS, min(rows, MOST_ROWS)):
                return min(rows, MOST_ROWS), note
            if last_resort:
                break
            if dropped := [n for n in self._priors if n != level]:
                for other in dropped:
                    del self._priors[other]
                gc.collect()
                heap.give_back()  # else it is neither free nor theirs
                note = (
                    f"Memory is short: level {dropped[0]} of {self.bundle.manifest.name} makes "
                    f"room for level {level}."
                )
        if fit < FEWEST_ROWS:  # smaller batches are filled up
            least = (to_come + FEWEST_ROWS * need.row_bytes) / (1.0 - SPARE_SHARE)
            needed = memory.size_text(round(least))
            raise JukeboxError(
                f"Level {level} of {self.bundle.manifest.name} needs {needed} of memory and "
                f"{memory.size_text(self._free_bytes())} are free. Close other "
                "programs, or choose a smaller model."
            )
        return fit, (
            f"Memory is short: {fit} of {rows} rows are sampled at a time, which takes longer."
        )

    def _steps(self) -> memory.Steps:
        if is_native(self.device, loaded_dtype(self._precision), self._precision):
            return "compiled"
        return "of torch" if self.device.type == "cpu" else "on a GPU"

    def _free_bytes(self) -> int:
        if self.device.type == "cuda":
            # What torch has kept of freed memory is free to it.
            kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            return int(torch.cuda.mem_get_info()[0]) + kept
        return int(psutil.virtual_memory().available)

    def unload(self) -> None:
        """Give the memory back."""
        self._bundle, self._vqvae, self._sha256 = None, None, ""
        self._priors.clear()
        self._tables.clear()
        self.paces.clear()
        gc.collect()
        heap.give_back()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
