"""Networks out of bundles, and their weights into safetensors files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from jukebox_studio.bundle import MANIFEST, Bundle, check_shapes
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.shapes import prior_shapes, vqvae_shapes
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.tensor_file import TensorEntry, write_streamed

DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int8: "I8",
    torch.uint8: "U8",
}
"""torch's dtypes as safetensors spells them."""


def load_vqvae(bundle: Bundle, device: torch.device | str = "cpu") -> VQVAE:
    """The VQ-VAE of a bundle in float32 and evaluation mode.

    Raises JukeboxError where the file does not have the keys and shapes of the configuration.
    """
    config = bundle.manifest.vqvae
    shapes = vqvae_shapes(config)
    check_shapes(bundle.vqvae_path, shapes)
    vqvae = VQVAE(config)
    state = _mapped(bundle.vqvae_path, shapes, torch.device("cpu"), torch.float32)
    vqvae.load_state_dict(state)
    for level in range(config.levels):
        vqvae.codebook(level).restore()  # else a first training step would draw new codes
    return vqvae.to(device).eval().requires_grad_(False)


def load_prior(
    bundle: Bundle,
    level: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Prior:
    """The prior of a level in evaluation mode, every weight in `dtype`.

    On the CPU, weights already stored in `dtype` stay mapped files: they take memory as they are
    used, and the file must not change meanwhile.

    Raises JukeboxError where the bundle has no such level, its file does not have the keys and
    shapes of the configuration, or no network can be made by that.
    """
    path = bundle.prior_path(level)
    config = bundle.manifest.priors[level]
    try:
        shapes = prior_shapes(config)
        check_shapes(path, shapes)
        with torch.device("meta"):  # no memory for initial values that are replaced at once
            prior = Prior(config)
    except (ValueError, RuntimeError) as error:  # torch's, where a size is negative
        raise JukeboxError(
            f"{bundle.folder / MANIFEST} describes a prior of level {level} that cannot be: {error}"
        ) from error
    prior.load_state_dict(_mapped(path, shapes, torch.device(device), dtype), assign=True)
    if not config.untied_head:
        # Assigning made two tensors of one; of the two keys the original's loading keeps this.
        prior.prior.x_emb.weight = prior.prior.x_out.weight
    return prior.eval().requires_grad_(False)


def save_weights(path: Path, state: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> None:
    """Write a state dict as safetensors, its floating-point tensors in `dtype` where given."""

    def stored(tensor: Tensor) -> torch.dtype:
        return dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype

    entries = {
        key: TensorEntry(DTYPE_NAMES[stored(tensor)], tuple(tensor.shape))
        for key, tensor in state.items()
    }
    write_streamed(path, entries, lambda key: tensor_bytes(state[key].to(stored(state[key]))))


def tensor_bytes(tensor: Tensor) -> Iterable[memoryview]:
    """The bytes of a tensor in row-major order, without a copy where it lies so already."""
    if tensor.numel():
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        yield flat.view(torch.uint8).numpy().data


def _mapped(
    path: Path, keys: Iterable[str], device: torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key).to(device, dtype) for key in keys}
