"""One training step of a VQ-VAE (paper, section 3 and appendix B.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from jukebox_studio.model.vqvae import VQVAE, RestartRandomness
from jukebox_studio.training.data import Crops
from jukebox_studio.training.losses import (
    Bandwidth,
    LossConfig,
    multispectral_loss,
    reconstruction_loss,
    spectral_convergence,
    spectral_loss,
)


@dataclass(frozen=True)
class VQVAELoss:
    """Result of a forward pass in training."""

    total: Tensor
    """Scalar, differentiable."""
    metrics: dict[str, Tensor]
    """Scalars without gradient; names as in the original's logs, `_l0` and so on per level."""
    outputs: dict[int, Tensor] = field(repr=False)
    """Reconstruction of each trained level, Tensor[B, T, 1]."""


def vqvae_loss(
    model: VQVAE,
    audio: Tensor,
    scale: Bandwidth,
    config: LossConfig,
    *,
    levels: Sequence[int] | None = None,
    update_codes: bool = True,
    randomness: Mapping[int, RestartRandomness] | None = None,
) -> VQVAELoss:
    """The training loss of Tensor[B, T, C], summed over `levels` (default: all).

    Moves the codebooks as a side effect unless `update_codes` is false. `randomness` may give each
    level's codebook its own source of restarts.
    """
    chosen = sorted(range(model.config.levels) if levels is None else levels)
    quantised = {}
    for level in chosen:
        encoded = model.encoder_output(audio, level)
        source = (randomness or {}).get(level)
        quantised[level] = model.codebook(level)(encoded, update_codes, source)
    outputs = {
        level: model.decoders[level](quantised[level].vectors).transpose(1, 2) for level in chosen
    }

    metrics: dict[str, Tensor] = {}
    zero = audio.new_zeros(())
    recons = spec = multispec = zero
    for level in reversed(chosen):
        out = outputs[level]
        parts = {
            "recons_loss": reconstruction_loss(config.reconstruction, audio, out, scale, config),
            "spectral_loss": spectral_loss(audio, out, config.stft).mean() / scale.spec,
            "multispectral_loss": multispectral_loss(audio, out, config.multi_stft).mean()
            / scale.spec,
        }
        metrics.update({f"{name}_l{level}": value for name, value in parts.items()})
        recons = recons + parts["recons_loss"]
        spec = spec + parts["spectral_loss"]
        multispec = multispec + parts["multispectral_loss"]
    commit = sum((q.commit_loss for q in quantised.values()), zero)
    total = (
        recons + config.spectral * spec + config.multispectral * multispec + config.commit * commit
    )

    with torch.no_grad():
        finest = outputs[chosen[0]]
        metrics |= {
            "recons_loss": recons,
            "spectral_loss": spec,
            "multispectral_loss": multispec,
            "spectral_convergence": spectral_convergence(audio, finest, config.stft).mean(),
            "l2_loss": reconstruction_loss("l2", audio, finest, scale, config),
            "l1_loss": reconstruction_loss("l1", audio, finest, scale, config),
            "linf_loss": reconstruction_loss("linf", audio, finest, scale, config),
            "commit_loss": commit,
        }
        per_level = [{"fit": q.fit, "pn": q.prenorm, **q.update} for q in quantised.values()]
        for name in per_level[0]:
            metrics[name] = torch.stack([m[name].float() for m in per_level]).mean()
            for level, values in zip(chosen, per_level, strict=True):
                metrics[f"{name}_l{level}"] = values[name].float()
    return VQVAELoss(total, {k: v.detach() for k, v in metrics.items()}, outputs)


def optimise(
    model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, max_norm: float = 1.0
) -> float:
    """Backward, clip the gradient's norm, step. Returns the norm before clipping."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(norm)


class VQVAETask:
    """Trains some levels of a VQ-VAE on crops; validates them on crops of held-out tracks."""

    def __init__(
        self,
        model: VQVAE,
        levels: Sequence[int],
        train: Crops,
        held_out: Crops | None,
        scale: Bandwidth,
        config: LossConfig,
        batch_size: int,
        validation_batches: int = 4,
    ) -> None:
        # Levels are separate autoencoders, so only those that train are held by the optimiser.
        self.vqvae = model
        self.model = nn.ModuleDict()
        for level in levels:
            self.model[f"encoder_{level}"] = model.encoders[level]
            self.model[f"decoder_{level}"] = model.decoders[level]
            self.model[f"codebook_{level}"] = model.codebook(level)
        self.levels = list(levels)
        self.train = train
        self.held_out = held_out
        self.scale = scale
        self.config = config
        self.batch_size = batch_size
        self.validation_batches = validation_batches

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        audio = self.train.batch(step, self.batch_size)
        # Restarts draw from torch's generator; tied to the step, a resumed run repeats them.
        torch.manual_seed(self.train.seed * 1_000_003 + step)
        out = vqvae_loss(self.vqvae, audio, self.scale, self.config, levels=self.levels)
        chosen = ("recons_loss_l", "multispectral_loss_l", "fit_l", "usage_l", "entropy_l")
        logged = {k: float(v) for k, v in out.metrics.items() if k.startswith(chosen)}
        return out.total, logged | {"loss": float(out.total)}

    def validate(self) -> dict[str, float]:
        if self.held_out is None:
            return {}
        sums: dict[str, float] = {}
        for audio in self.held_out.even_batches(self.validation_batches, self.batch_size):
            for level in self.levels:
                codes = self.vqvae.encode(audio, level, level + 1)
                out = self.vqvae.decode(codes, level)
                convergence = spectral_convergence(audio, out, self.config.stft)
                sums[f"convergence_l{level}"] = sums.get(f"convergence_l{level}", 0.0) + float(
                    convergence.mean()
                )
        return {
            f"held_out/{name}_db": 20 * math.log10(total / self.validation_batches)
            for name, total in sums.items()
        }

    def extra_tensors(self) -> dict[str, Tensor]:
        tensors = {}
        for level in self.levels:
            codebook = self.vqvae.codebook(level)
            tensors[f"k_sum_{level}"] = codebook.k_sum
            tensors[f"k_elem_{level}"] = codebook.k_elem
        return tensors

    def restore_extra(self, tensors: dict[str, Tensor]) -> None:
        for level in self.levels:
            codebook = self.vqvae.codebook(level)
            codebook.restore(threshold=codebook.threshold)
            codebook.k_sum = tensors[f"k_sum_{level}"]
            codebook.k_elem = tensors[f"k_elem_{level}"]
