"""Training of a prior or an upsampler on codes (paper, section 4 and appendix B.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import nullcontext

import torch
from torch import Tensor

from jukebox_studio.model.prior import Prior
from jukebox_studio.training.codes import Batch, CodeWindows
from jukebox_studio.training.guided_attention import GuidedHead


class PriorTask:
    """Trains a prior on random windows; validates it on even windows of held-out tracks."""

    def __init__(
        self,
        prior: Prior,
        train: CodeWindows,
        held_out: CodeWindows | None,
        batch_size: int,
        bfloat16: bool = False,
        most_windows_per_track: int = 4,
        guided: float = 0.0,
    ) -> None:
        """`guided` is the weight of the alignment head's lesson; see guided_attention.py."""
        self.model = prior
        self.train = train
        self.held_out = held_out
        self.batch_size = batch_size
        self.bfloat16 = bfloat16
        self.most_windows_per_track = most_windows_per_track
        self.guided = guided
        self.guide = GuidedHead(prior) if guided else None

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        batch = self.train.batch(step, self.batch_size)
        listening = self.guide.listening() if self.guide else nullcontext()
        half = torch.autocast(batch.codes.device.type, torch.bfloat16, enabled=self.bfloat16)
        with half, listening:
            loss = self.model.loss(
                batch.codes, batch.y, batch.above, shown=batch.shown, plan=batch.plan
            )
        logged = {"bits_per_code": float(loss.codes.detach())}
        if self.model.config.foretells_lyrics:
            logged["bits_per_character"] = float(loss.lyrics.detach())
        total = loss.total
        if self.guide is not None:
            assert batch.sung is not None
            sung = batch.sung
            lyrics = self.model.config.lyrics
            if lyrics is not None and lyrics.plan_width is not None:
                # A head that is told what is sung learns nothing by looking there.
                assert batch.plan is not None
                sung = torch.where(batch.plan.isnan(), sung, math.nan)
            with half:
                lesson = self.guide.loss(sung)
            logged["guided_attention"] = float(lesson.detach())
            total = total + self.guided * lesson
        return total, logged

    def validate(self) -> dict[str, float]:
        if self.held_out is None:
            return {}
        batches = self.held_out.even(self.most_windows_per_track, self.batch_size)
        return {"held_out_bits_per_code": mean_bits(self.model, batches, self.bfloat16)}

    keeps_best = True

    def extra_tensors(self) -> dict[str, Tensor]:
        return {}

    def restore_extra(self, tensors: dict[str, Tensor]) -> None:
        pass


@torch.no_grad()
def mean_bits(prior: Prior, batches: Iterable[Batch], bfloat16: bool = False) -> float:
    """Mean bits per code over batches of windows."""
    total, rows = 0.0, 0
    for batch in batches:
        with torch.autocast(batch.codes.device.type, torch.bfloat16, enabled=bfloat16):
            loss = prior.loss(batch.codes, batch.y, batch.above, plan=batch.plan)
        total += float(loss.codes) * len(batch.codes)
        rows += len(batch.codes)
    return total / rows
