"""Training a decoder on alone, over codes that stay as they are.

Priors have learned the codes, so the encoder and the codebook of a model that is in use cannot
move; the decoder can. It learns from codes made once of whole tracks, as rendering decodes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.training.codes import CodedTrack
from jukebox_studio.training.data import UNREACHED, Crops, Sound
from jukebox_studio.training.losses import (
    MULTI_STFT,
    frobenius,
    log_mel,
    spectrogram,
)
from jukebox_studio.training.vqvae import held_out_measures, trained_parts


class CodedCrops:
    """Crops of tracks with the codes of a level over the same time.

    The sounds that are cropped have codes to their end: `CodedTrack.total_samples`.
    """

    def __init__(self, crops: Crops, tracks: Sequence[CodedTrack], level: int, hop: int) -> None:
        self.crops = crops
        self.hop = hop
        self._codes: Mapping[Path, NDArray[np.int16]] = {
            t.track.path: t.levels[level] for t in tracks
        }

    def batch(self, step: int, size: int) -> tuple[Tensor, Tensor]:
        """Codes Tensor[size, length / hop], and audio Tensor[size, length, 1]."""
        # Each at a code.
        places = [(s, at // self.hop * self.hop) for s, at in self.crops.places(step, size)]
        codes = [self._codes_at(sound, start) for sound, start in places]
        return torch.from_numpy(np.stack(codes).astype(np.int64)), self.crops.audio(places)

    def _codes_at(self, sound: Sound, start_samples: int) -> NDArray[np.int16]:
        start = start_samples // self.hop
        return self._codes[sound.track.path][start : start + self.crops.length_samples // self.hop]


class DecoderTask:
    """Trains the decoder of one level; encoder and codebook are saved as they were.

    The loss is what is measured: the spectral convergence of each crop over several resolutions, so
    that quiet music counts as much as loud, and the log mel distance.
    """

    def __init__(
        self,
        vqvae: VQVAE,
        level: int,
        train: CodedCrops,
        held_out: CodedCrops | None,
        batch_size: int,
        log_mel_weight: float = 1.0,
        bfloat16: bool = False,
        validation_batches: int = 8,
    ) -> None:
        self.vqvae = vqvae.requires_grad_(False)
        self.level = level
        self.decoder = vqvae.decoders[level].requires_grad_(True)
        self.model = trained_parts(vqvae, level)
        self.train = train
        self.held_out = held_out
        self.batch_size = batch_size
        self.log_mel_weight = log_mel_weight
        self.bfloat16 = bfloat16
        self.validation_batches = validation_batches

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        codes, audio = self.train.batch(step, self.batch_size)
        vectors = self.vqvae.codebook(self.level).decode(codes)
        with torch.autocast(audio.device.type, torch.bfloat16, enabled=self.bfloat16):
            out = self.decoder(vectors)
        pairs = [
            (spectrogram(audio[..., 0], stft), spectrogram(out.float()[:, 0], stft))
            for stft in MULTI_STFT
        ]
        mels = [tuple(log_mel(x, self.vqvae.config.sample_rate_hz) for x in p) for p in pairs]
        far = torch.stack([_convergence(a, b) for a, b in pairs]).mean()
        mel = torch.stack([(a - b).abs().mean() for a, b in mels]).mean()
        total = far + self.log_mel_weight * mel
        values = {"convergence": far, "log_mel": mel, "loss": total}
        return total, {name: float(value.detach()) for name, value in values.items()}

    def validate(self) -> dict[str, float]:
        if self.held_out is None:
            return {}
        batches = (
            self.held_out.batch(UNREACHED + i, self.batch_size)
            for i in range(self.validation_batches)
        )
        return held_out_measures(
            ((audio, self.vqvae.decode([codes], self.level)) for codes, audio in batches),
            self.vqvae.config.sample_rate_hz,
        )

    # The two measures pull in two directions: the last weights, after the rate has come down.
    keeps_best = False

    def extra_tensors(self) -> dict[str, Tensor]:
        return {}

    def restore_extra(self, tensors: dict[str, Tensor]) -> None:
        pass


QUIET = 0.1


def _convergence(target: Tensor, output: Tensor) -> Tensor:
    """Mean spectral convergence of magnitudes Tensor[B, bins, frames].

    A crop counts as no quieter than a tenth of the batch's mean, or silence would drown the rest.
    """
    norm = frobenius(target)
    return (frobenius(target - output) / norm.clamp(min=QUIET * norm.mean() + 1e-3)).mean()
