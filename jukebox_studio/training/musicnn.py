"""What music sounds like, as vectors: musicnn (Pons and Serra 2019, "musicnn: pre-trained
convolutional neural networks for music audio tagging"), the model trained on the Million Song
Dataset. ISC licence.

Its package wants a TensorFlow of its time, so only its weights are used: the wheel is fetched once
by pip, checked against its hash, and never installed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio import audio
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically
from jukebox_studio.training.tf_checkpoint import read_float_tensors

WHEEL = "musicnn-0.1.0-py3-none-any.whl"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
MODEL = "MSD_musicnn"

RATE_HZ = 16_000
N_FFT, HOP_SAMPLES, BANDS = 512, 256, 96
PATCH_FRAMES = 187
"""About three seconds: what the model was trained on."""
PATCH_SAMPLES = PATCH_FRAMES * HOP_SAMPLES
EMBEDDING = 200

Samples = NDArray[np.float32]
Embeddings = NDArray[np.float64]


def fetch_wheel(cache: Path) -> Path:
    """The checked wheel in `cache`. JukeboxError where it cannot be had, or is another file."""
    path = cache / WHEEL
    if path.is_file() and _sha256(path.read_bytes()) == WHEEL_SHA256:
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder]
        fetched = subprocess.run(
            [*command, "musicnn==0.1.0"], capture_output=True, text=True, check=False
        )
        if fetched.returncode:
            last = (fetched.stderr.strip().splitlines() or ["no word why"])[-1]
            raise JukeboxError(
                f"pip could not fetch musicnn 0.1.0, which compares the samples: {last}. Try again "
                "with a connection, or leave that part out with --part."
            )
        content = (Path(folder) / WHEEL).read_bytes()
    if _sha256(content) != WHEEL_SHA256:
        raise JukeboxError(f"{WHEEL} is not the file that was expected; it was not used.")
    write_atomically(path, content)
    return path


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def load_musicnn(cache: Path) -> Musicnn:
    """The network, its weights fetched into `cache` where they are not there yet."""
    with zipfile.ZipFile(fetch_wheel(cache)) as wheel:
        folder = f"musicnn/{MODEL}"
        index = wheel.read(f"{folder}/.index")
        data = wheel.read(f"{folder}/.data-00000-of-00001")
    return Musicnn(
        {name: torch.from_numpy(t) for name, t in read_float_tensors(index, data).items()}
    )


class Musicnn:
    """The network out of its checkpoint's tensors, named as there, weights (..., in, out)."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self._tensors = tensors

    def embed(self, samples: Samples, rate_hz: int, hop_seconds: float = 3.0) -> Embeddings:
        """Array[patches, EMBEDDING] of mono sound: a patch of three seconds every `hop_seconds`.

        What is shorter than a patch has none.
        """
        patches = mel_patches(samples, rate_hz, hop_seconds)
        found = [self.embeddings(part).double().numpy() for part in patches.split(16)]
        return np.concatenate(found) if found else np.zeros((0, EMBEDDING))

    @torch.no_grad()
    def embeddings(self, patches: Tensor) -> Tensor:
        """Log mel patches Tensor[B, PATCH_FRAMES, BANDS] -> Tensor[B, EMBEDDING]."""
        # [B, frames, bands] -> [B, 1, frames, bands]
        x = self._normalise(0, patches[:, None])
        # Timbre: patterns over most of the bands; tempo: over one band and up to two seconds.
        fronts = [
            self._front(1, F.pad(x, (0, 0, 3, 3))),
            self._front(2, F.pad(x, (0, 0, 3, 3))),
            self._front(3, F.pad(x, (0, 0, 63, 64))),
            self._front(4, F.pad(x, (0, 0, 31, 32))),
            self._front(5, F.pad(x, (0, 0, 15, 16))),
        ]
        # [B, channels, frames] -> [B, 1, frames, channels]
        front = torch.cat(fronts, dim=1).transpose(1, 2)[:, None]
        first = self._middle(6, front)
        second = self._middle(7, first) + first
        third = self._middle(8, second) + second
        # [B, frames, all channels]
        whole = torch.cat([front, first, second, third], dim=3)[:, 0]
        pooled = torch.stack([whole.amax(1), whole.mean(1)], dim=2).flatten(1)
        dense = pooled_dense(self._normalise(9, pooled), self._tensors, "dense")
        return self._normalise(10, F.relu(dense))

    def tags(self, embeddings: Tensor) -> Tensor:
        """Tensor[B, EMBEDDING] -> Tensor[B, 50], the chance of each of the model's tags."""
        return torch.sigmoid(pooled_dense(embeddings, self._tensors, "dense_1"))

    def _front(self, number: int, x: Tensor) -> Tensor:
        """[B, 1, frames, bands] -> [B, channels, frames]: the loudest over the bands."""
        return self._convolved(number, x).amax(3)

    def _middle(self, number: int, x: Tensor) -> Tensor:
        """[B, 1, frames, channels] -> [B, 1, frames, 64]."""
        return self._convolved(number, F.pad(x, (0, 0, 3, 3))).permute(0, 3, 2, 1)

    def _convolved(self, number: int, x: Tensor) -> Tensor:
        name = "conv2d" + (f"_{number - 1}" if number > 1 else "")
        # (height, width, in, out) -> (out, in, height, width)
        kernel = self._tensors[f"{name}/kernel"].permute(3, 2, 0, 1)
        return self._normalise(number, F.relu(F.conv2d(x, kernel, self._tensors[f"{name}/bias"])))

    def _normalise(self, number: int, x: Tensor) -> Tensor:
        """Batch normalisation over dimension 1, with the numbers learned in training."""
        name = "batch_normalization" + (f"_{number}" if number else "")
        t = self._tensors
        return F.batch_norm(
            x,
            t[f"{name}/moving_mean"],
            t[f"{name}/moving_variance"],
            t[f"{name}/gamma"],
            t[f"{name}/beta"],
            eps=1e-3,
        )


def pooled_dense(x: Tensor, tensors: dict[str, Tensor], name: str) -> Tensor:
    return x @ tensors[f"{name}/kernel"] + tensors[f"{name}/bias"]


def mel_patches(samples: Samples, rate_hz: int, hop_seconds: float) -> Tensor:
    """log10(1 + 10,000 x mel power), Tensor[patches, PATCH_FRAMES, BANDS], as the model wants."""
    sound = torch.from_numpy(audio.resample(samples.astype(np.float32), rate_hz, RATE_HZ))
    if len(sound) < PATCH_SAMPLES:
        return torch.zeros(0, PATCH_FRAMES, BANDS)
    spectrum = torch.stft(
        sound,
        N_FFT,
        HOP_SAMPLES,
        window=torch.hann_window(N_FFT),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    power = torch.view_as_real(spectrum).square().sum(-1)
    mel = torch.log10(1.0 + 10_000.0 * (slaney_filters() @ power)).T
    hop = max(1, round(hop_seconds * RATE_HZ / HOP_SAMPLES))
    starts = range(0, len(mel) - PATCH_FRAMES + 1, hop)
    return torch.stack([mel[start : start + PATCH_FRAMES] for start in starts])


def slaney_filters() -> Tensor:
    """Triangles of unit area, even below 1 kHz and logarithmic above (Slaney 1998, "Auditory
    toolbox"): Tensor[BANDS, N_FFT / 2 + 1]."""
    linear_hz, corner_hz = 200.0 / 3.0, 1000.0
    corner, step = corner_hz / linear_hz, np.log(6.4) / 27.0
    top = corner + np.log(RATE_HZ / 2 / corner_hz) / step
    mels = np.linspace(0.0, top, BANDS + 2)
    edges = np.where(mels < corner, mels * linear_hz, corner_hz * np.exp(step * (mels - corner)))
    bins = np.linspace(0, RATE_HZ / 2, N_FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return torch.from_numpy(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).float()
