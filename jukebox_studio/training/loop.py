"""The training loop shared by VQ-VAEs and priors: a generator that knows no screen.

A run lives in a folder: `checkpoint.safetensors` (weights, their moving average, optimiser; enough
to go on after a kill), `best.safetensors` (the averaged weights that did best on held-out music),
`log.jsonl` (a line per report) and TensorBoard's event files.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from jukebox_studio.errors import JukeboxError
from jukebox_studio.training.adam import JukeboxAdam

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"


class Task(Protocol):
    """What the loop trains."""

    @property
    def model(self) -> nn.Module:
        """What is saved; of its parameters those train that want a gradient."""

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of the batch of a step, differentiable, and what to log of it."""

    def validate(self) -> dict[str, float]:
        """Measures on held-out data, with whatever weights the model has now.

        The first is the one that the best weights are chosen by; less is better.
        """

    @property
    def keeps_best(self) -> bool:
        """Whether the weights that measure best are kept beside the last ones."""

    def extra_tensors(self) -> dict[str, Tensor]:
        """State that is in no parameter or buffer of the saved model."""

    def restore_extra(self, tensors: dict[str, Tensor]) -> None:
        """Take up the tensors of `extra_tensors` again."""


@dataclass(frozen=True)
class LoopSettings:
    """How a run goes."""

    steps: int
    lr: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    warmup_steps: int = 100
    anneal_share: float = 0.0
    """The last share of the steps over which the rate falls to zero along a cosine."""
    clip_norm: float = 1.0
    ema_decay: float = 0.99
    log_every_steps: int = 50
    validate_every_steps: int = 500
    save_every_seconds: float = 240.0

    def lr_at(self, step: int) -> float:
        """Learning rate of a step; 0 at the first, as in the original's warm-up."""
        rate = self.lr * min(1.0, step / self.warmup_steps if self.warmup_steps else 1.0)
        start = self.steps * (1.0 - self.anneal_share)
        if self.anneal_share and step > start:
            done = min(1.0, (step - start) / (self.steps - start))
            rate *= 0.5 * (1.0 + math.cos(math.pi * done))
        return rate


@dataclass(frozen=True)
class TrainProgress:
    """One report of a running training."""

    step: int
    steps: int
    metrics: dict[str, float]
    seconds_per_step: float
    seconds_left: float


def train(task: Task, settings: LoopSettings, folder: Path) -> Iterator[TrainProgress]:
    """Train until `settings.steps`, going on from the checkpoint in `folder` if there is one.

    Yields a report every `log_every_steps`; closing the generator saves and stops.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(task, settings)
    step = run.load(folder / CHECKPOINT)
    log = _Log(folder)
    saved_at = mark = time.monotonic()
    mark_step, sums, count = step, dict[str, float](), 0
    task.model.train()
    try:
        while step < settings.steps:
            metrics = run.step(step)
            step += 1
            count += 1
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value
            last = step == settings.steps
            if step % settings.log_every_steps == 0 or last:
                report = {name: total / count for name, total in sums.items()}
                now = time.monotonic()
                per_step = (now - mark) / (step - mark_step)
                if step % settings.validate_every_steps < settings.log_every_steps or last:
                    with run.averaged_weights():
                        measured = task.validate()
                        if task.keeps_best:
                            run.keep_best(folder / BEST, step, measured)
                    report |= measured
                log.write(step, report)
                left = per_step * (settings.steps - step)
                yield TrainProgress(step, settings.steps, report, per_step, left)
                mark, mark_step, sums, count = time.monotonic(), step, {}, 0
            if time.monotonic() - saved_at > settings.save_every_seconds:
                run.save(folder / CHECKPOINT, step)
                saved_at = time.monotonic()
    finally:
        run.save(folder / CHECKPOINT, step)
        log.close()


class _Run:
    def __init__(self, task: Task, settings: LoopSettings) -> None:
        self.task = task
        self.settings = settings
        self.parameters = {k: p for k, p in task.model.named_parameters() if p.requires_grad}
        self.ema = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.optimizer = JukeboxAdam(
            self.parameters.values(),
            lr=settings.lr,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
        )

    def step(self, step: int) -> dict[str, float]:
        self.optimizer.param_groups[0]["lr"] = self.settings.lr_at(step)
        loss, metrics = self.task.loss(step)
        if not torch.isfinite(loss):
            raise JukeboxError(
                f"The loss is {float(loss)} at step {step}. Lower the learning rate, "
                f"and go on from the last checkpoint."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.settings.clip_norm)
        self.optimizer.step()
        with torch.no_grad():
            # Young averages follow faster, or the random start would linger in them.
            decay = min(self.settings.ema_decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(self.ema.values()), list(self.parameters.values()), 1 - decay)
        return metrics | {"grad_norm": float(norm)}

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """The model with its averaged weights, in evaluation mode, for the time of a `with`."""
        raw = {name: p.detach().clone() for name, p in self.parameters.items()}
        self._put(self.ema)
        self.task.model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self._put(raw)
            self.task.model.train()

    def _put(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self.parameters.items():
                p.copy_(values[name])

    def save(self, path: Path, step: int) -> None:
        tensors = {f"model.{k}": v for k, v in self.task.model.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.items()}
        tensors |= {f"extra.{k}": v for k, v in self.task.extra_tensors().items()}
        for name, p in self.parameters.items():
            state = self.optimizer.state[p]
            if state:
                tensors |= {f"m.{name}": state["m"], f"v.{name}": state["v"]}
        # Tied weights share memory, which safetensors refuses: every tensor gets its own.
        tensors = {k: v.detach().contiguous().clone() for k, v in tensors.items()}
        part = path.with_suffix(".part")
        save_file(tensors, part, metadata={"step": str(step)})
        os.replace(part, path)

    def keep_best(self, path: Path, step: int, measured: dict[str, float]) -> None:
        """Keep the weights that the model has now where they measure better than those kept."""
        if not measured:
            return
        name, value = next(iter(measured.items()))
        if path.is_file():
            with safe_open(path, framework="pt") as file:
                before = file.metadata() or {}
            if value >= float(before[name]):
                return
        tensors = {k: v.contiguous().clone() for k, v in self.task.model.state_dict().items()}
        part = path.with_suffix(".part")
        save_file(tensors, part, metadata={"step": str(step), name: repr(value)})
        os.replace(part, path)

    def load(self, path: Path) -> int:
        """Step to go on from; 0 without a checkpoint."""
        if not path.is_file():
            return 0
        tensors, step = read_checkpoint(path)

        def part(prefix: str) -> dict[str, Tensor]:
            return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

        try:
            self.task.model.load_state_dict(part("model."))
        except RuntimeError as error:
            raise JukeboxError(
                f"{path} is of another model than the one asked for. "
                f"Train into another folder, or ask for the same model. ({error})"
            ) from error
        averages = part("ema.")
        for name in self.ema:
            self.ema[name].copy_(averages[name])
        m, v = part("m."), part("v.")
        for name, p in self.parameters.items():
            if name in m:
                self.optimizer.state[p].update(step=step, m=m[name], v=v[name])
        self.task.restore_extra(part("extra."))
        return step


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], int]:
    """All tensors of a checkpoint, and its step."""
    try:
        with safe_open(path, framework="pt") as file:
            step = int((file.metadata() or {})["step"])
            return {key: file.get_tensor(key) for key in file.keys()}, step  # noqa: SIM118
    except (SafetensorError, KeyError, OSError, ValueError) as error:
        raise JukeboxError(f"The checkpoint {path} cannot be read: {error}.") from error


def averaged_state(path: Path) -> dict[str, Tensor]:
    """The state dict to ship from a checkpoint: averaged parameters, buffers as they are."""
    tensors, _ = read_checkpoint(path)
    state = {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}
    averages = {k[4:]: v for k, v in tensors.items() if k.startswith("ema.")}
    return state | averages


def best_state(folder: Path) -> dict[str, Tensor]:
    """The state dict to ship of a run: the best on held-out music, or else the averaged one."""
    path = folder / BEST
    if not path.is_file():
        return averaged_state(folder / CHECKPOINT)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise JukeboxError(f"The weights {path} cannot be read: {error}.") from error


class _Log:
    """`log.jsonl` and, where the tensorboard package is installed, its event files."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8")
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._board = None
        else:
            self._board = SummaryWriter(str(folder))

    def write(self, step: int, metrics: dict[str, float]) -> None:
        line = {"step": step, "time": round(time.time(), 1), **metrics}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._board:
            for name, value in metrics.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._file.close()
        if self._board:
            self._board.close()
