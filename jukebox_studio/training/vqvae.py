"""One training step of a VQ-VAE (paper, section 3 and appendix B.1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from jukebox_studio.model.vqvae import VQVAE, RestartRandomness
from jukebox_studio.training.data import Crops
from jukebox_studio.training.heard import Heard, MelHead, shared_gradient
from jukebox_studio.training.losses import (
    Bandwidth,
    LossConfig,
    log_mel_distance,
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
    bfloat16: bool = False,
    head: MelHead | None = None,
    heard: Heard | None = None,
) -> VQVAELoss:
    """The training loss of Tensor[B, T, C], summed over `levels` (default: all).

    With `head` and `heard` the codes learn from what is heard; see heard.py.

    Moves the codebooks as a side effect unless `update_codes` is false. `randomness` may give each
    level's codebook its own source of restarts. `bfloat16` runs the convolutions in that format;
    codes and losses stay in float32.
    """
    half = torch.autocast(audio.device.type, torch.bfloat16, enabled=bfloat16)
    chosen = sorted(range(model.config.levels) if levels is None else levels)
    quantised = {}
    for level in chosen:
        with half:
            encoded = model.encoder_output(audio, level).float()
        source = (randomness or {}).get(level)
        quantised[level] = model.codebook(level)(encoded, update_codes, source)
    with half:
        outputs = {
            level: model.decoders[level](
                shared_gradient(quantised[level].vectors, heard.decoder_share)
                if heard
                else quantised[level].vectors
            )
            .transpose(1, 2)
            .float()
            for level in chosen
        }

    metrics: dict[str, Tensor] = {}
    zero = audio.new_zeros(())
    recons = spec = multispec = log_mel = zero
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
        if config.log_mel:
            rate_hz = model.config.sample_rate_hz
            distance = log_mel_distance(audio, out, rate_hz, config.multi_stft).mean()
            metrics[f"log_mel_l{level}"] = distance
            log_mel = log_mel + distance
    mel = zero
    if head is not None and heard is not None:
        with half:
            mel = sum((head.loss(quantised[n].vectors, audio) for n in chosen), zero)
        metrics["heard_loss"] = mel
    commit = sum((q.commit_loss for q in quantised.values()), zero)
    total = (
        recons
        + config.log_mel * log_mel
        + config.spectral * spec
        + config.multispectral * multispec
        + config.commit * commit
        + (heard.weight * mel if heard else zero)
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


def trained_parts(vqvae: VQVAE, level: int, head: MelHead | None = None) -> nn.ModuleDict:
    """The autoencoder of one level, and its head: what a run trains and its checkpoint holds."""
    parts = {
        "encoder": vqvae.encoders[level],
        "decoder": vqvae.decoders[level],
        "codebook": vqvae.codebook(level),
    }
    return nn.ModuleDict(parts | ({"head": head} if head is not None else {}))


def load_trained(vqvae: VQVAE, level: int, state: Mapping[str, Tensor]) -> None:
    """The autoencoder out of the state of `trained_parts`, whose head has done its work."""
    kept = {k: v for k, v in state.items() if not k.startswith("head.")}
    trained_parts(vqvae, level).load_state_dict(kept)


def held_out_measures(batches: Iterable[tuple[Tensor, Tensor]], rate_hz: int) -> dict[str, float]:
    """Of batches of held-out audio and their reconstructions, Tensor[B, T, 1] each."""
    measured = [
        (
            float(spectral_convergence(audio, out).mean()),
            float(log_mel_distance(audio, out, rate_hz).mean()),
        )
        for audio, out in batches
    ]
    convergence, mel = np.mean(measured, axis=0)
    return {
        "held_out_convergence_db": 20 * math.log10(convergence),
        "held_out_log_mel": float(mel),
    }


class VQVAETask:
    """Trains the autoencoder of one level on crops; validates it on crops of held-out tracks."""

    def __init__(
        self,
        vqvae: VQVAE,
        level: int,
        train: Crops,
        held_out: Crops | None,
        scale: Bandwidth,
        config: LossConfig,
        batch_size: int,
        bfloat16: bool = False,
        validation_batches: int = 8,
        heard: Heard | None = None,
    ) -> None:
        self.vqvae = vqvae
        self.level = level
        self.heard = heard
        self.head = None
        if heard is not None:
            shape = vqvae.config
            hop = shape.hop_samples(level)
            self.head = MelHead(shape.emb_width, hop, shape.sample_rate_hz)
        self.model = trained_parts(vqvae, level, self.head)
        self.train = train
        self.held_out = held_out
        self.scale = scale
        self.config = config
        self.batch_size = batch_size
        self.bfloat16 = bfloat16
        self.validation_batches = validation_batches

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        audio = self.train.batch(step, self.batch_size)
        # Restarts draw from torch's generator; tied to the step, a resumed run repeats them.
        torch.manual_seed(self.train.seed * 1_000_003 + step)
        out = vqvae_loss(
            self.vqvae,
            audio,
            self.scale,
            self.config,
            levels=[self.level],
            bfloat16=self.bfloat16,
            head=self.head,
            heard=self.heard,
        )
        chosen = ["recons_loss", "multispectral_loss", "fit", "usage", "entropy"]
        if self.heard:
            chosen.append("heard_loss")
        logged = {name: float(out.metrics[name]) for name in chosen}
        return out.total, logged | {"loss": float(out.total.detach())}

    def validate(self) -> dict[str, float]:
        if self.held_out is None:
            return {}
        batches = self.held_out.fixed_batches(self.validation_batches, self.batch_size)
        return held_out_measures(
            ((audio, self._reconstructed(audio)) for audio in batches),
            self.vqvae.config.sample_rate_hz,
        )

    def _reconstructed(self, audio: Tensor) -> Tensor:
        return self.vqvae.decode(self.vqvae.encode(audio, self.level, self.level + 1), self.level)

    # Its codebook moves on its own: an earlier one would not go with what priors have learnt.
    keeps_best = False

    def extra_tensors(self) -> dict[str, Tensor]:
        codebook = self.vqvae.codebook(self.level)
        return {"k_sum": codebook.k_sum, "k_elem": codebook.k_elem}

    def restore_extra(self, tensors: dict[str, Tensor]) -> None:
        codebook = self.vqvae.codebook(self.level)
        codebook.restore(threshold=codebook.threshold)
        codebook.k_sum = tensors["k_sum"]
        codebook.k_elem = tensors["k_elem"]
