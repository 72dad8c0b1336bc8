"""Golden vectors of the VQ-VAE: coding, losses, bandwidth, codebook moves, training steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jukebox_studio.model.published import vqvae_config
from jukebox_studio.model.vqvae import VQVAE, Codebook
from jukebox_studio.reference.folder import ReferenceFolder, Report
from jukebox_studio.training.adam import JukeboxAdam
from jukebox_studio.training.losses import (
    Bandwidth,
    LossConfig,
    Stft,
    bandwidth,
    log_magnitude_loss,
    multispectral_loss,
    reconstruction_loss,
    spectral_convergence,
    spectral_loss,
    spectrogram,
)
from jukebox_studio.training.vqvae import optimise, vqvae_loss

Arrays = dict[str, np.ndarray]

LEAST_MARGIN = 1e-5
"""A code whose distance is this near to that of the next is within float noise."""

_MODELS = {
    "vqvae": ("models/5b/vqvae.pth.tar", "vqvae/encode_decode.npz"),
    "small_vqvae": ("models/small/small_vqvae.pth.tar", "vqvae/small_encode_decode.npz"),
}


def load_reference_vqvae(folder: ReferenceFolder, name: str = "vqvae") -> VQVAE:
    """The reference's VQ-VAE `name` with its random weights, in evaluation mode."""
    model = VQVAE(vqvae_config(name, folder.json(f"hparams/{name}.json")["hps"]))
    state = folder.checkpoint(_MODELS[name][0])["model"]
    model.load_state_dict({k.removeprefix("module."): v.float() for k, v in state.items()})
    return model.eval()


def check(folder: ReferenceFolder, report: Report) -> None:
    """Run every case of `vqvae/`."""
    for name in _MODELS:
        with report.section(f"vqvae/{name}"):
            check_coding(folder, report, name)
    with report.section("vqvae/losses"):
        check_losses(folder, report)
    with report.section("vqvae/bandwidth"):
        check_bandwidth(folder, report)
    with report.section("vqvae/bottleneck_ema"):
        check_codebook(folder, report)
    with report.section("vqvae/train_steps"):
        check_training(folder, report)


@torch.no_grad()
def check_coding(folder: ReferenceFolder, report: Report, name: str) -> None:
    """Encoding, quantising and decoding, in one pass and in chunks."""
    model = load_reference_vqvae(folder, name)
    arrays = folder.arrays(_MODELS[name][1])
    case = _MODELS[name][1].removesuffix(".npz")
    audio = torch.from_numpy(arrays["x"])
    codes = model.encode(audio)
    for level in range(model.config.levels):
        encoded = model.encoder_output(audio, level)
        report.close(f"{case}/enc_out_l{level}", encoded, arrays[f"enc_out_l{level}"], atol=1e-5)
        margin = arrays[f"margin_l{level}"]
        report.codes(
            f"{case}/z_l{level}", codes[level], arrays[f"z_l{level}"], margin, LEAST_MARGIN
        )
        nearest = code_margin(model.codebook(level), encoded)
        report.close(f"{case}/margin_l{level}", nearest, margin, atol=1e-4, rtol=1e-4)
        given = torch.from_numpy(arrays[f"z_l{level}"])
        decoded = arrays[f"dec_from_l{level}"]
        report.close(f"{case}/dec_from_l{level}", model.decode([given], level), decoded, atol=1e-5)
        hop = model.config.hop_samples(level)
        chunk = 4 * hop / model.config.sample_rate_hz
        chunked = model.decode_chunked(given, level, chunk)
        report.close(f"{case}/dec_from_l{level} in chunks", chunked, decoded, atol=1e-5)
        pieces = model.encode_chunked(audio, level, chunk)
        report.codes(
            f"{case}/z_l{level} in chunks", pieces, arrays[f"z_l{level}"], margin, LEAST_MARGIN
        )
        if f"rand_z_l{level}" in arrays:
            out = model.decode([torch.from_numpy(arrays[f"rand_z_l{level}"])], level)
            report.close(f"{case}/rand_dec_l{level}", out, arrays[f"rand_dec_l{level}"], atol=1e-5)
    if "stereo_in" in arrays:
        mono = torch.from_numpy(arrays["stereo_in"]).mean(-1, keepdim=True)
        report.close(f"{case}/stereo_mono", mono, arrays["stereo_mono"], atol=1e-7)
        # The model itself must hear the same mixture.
        stereo = torch.from_numpy(arrays["stereo_in"])
        for level in range(model.config.levels):
            a, b = model.encoder_output(stereo, level), model.encoder_output(mono, level)
            report.close(f"{case}/stereo as mono_l{level}", a, b, atol=1e-6)


def code_margin(codebook: Codebook, encoded: Tensor) -> Tensor:
    """Second-best minus best squared distance, Tensor[B, T]."""
    batch, width, length = encoded.shape
    rows = encoded.transpose(1, 2).reshape(-1, width)
    best = codebook.distances(rows).topk(2, dim=-1, largest=False).values
    return (best[:, 1] - best[:, 0]).view(batch, length)


def _loss_config(settings: dict[str, Any]) -> LossConfig:
    default = settings.get("default_stft")
    sizes = zip(
        settings["multispec_loss_n_fft"],
        settings["multispec_loss_hop_length"],
        settings["multispec_loss_window_size"],
        strict=True,
    )
    kwargs: dict[str, Any] = {
        key: settings[key] for key in ("lmix_l1", "lmix_l2", "lmix_linf", "linf_k")
    }
    if default:
        kwargs["stft"] = Stft(default["n_fft"], default["hop_length"], default["window_size"])
    return LossConfig(multi_stft=tuple(Stft(*size) for size in sizes), **kwargs)


def check_losses(folder: ReferenceFolder, report: Report) -> None:
    """Every term of the training loss."""
    settings = folder.json("vqvae/losses.json")
    arrays = folder.arrays("vqvae/losses.npz")
    config = _loss_config(settings)
    scale = Bandwidth(**settings["bandwidth"])
    target, output = (torch.from_numpy(arrays[key]) for key in ("x_in", "x_out"))

    def close(name: str, value: Tensor) -> None:
        report.close(f"vqvae/losses/{name}", value, arrays[name], atol=1e-4, rtol=1e-5)

    close("multispectral", multispectral_loss(target, output, config.multi_stft))
    close("spectral", spectral_loss(target, output, config.stft))
    close("spectral_convergence", spectral_convergence(target, output, config.stft))
    close("log_magnitude", log_magnitude_loss(target, output, config.stft))
    for kind in ("l1", "l2", "linf", "lmix"):
        value = reconstruction_loss(kind, target, output, scale, config)
        close(f"loss_{kind}", value)
    for stft in config.multi_stft:
        want = arrays[f"spec_nfft{stft.n_fft}"]
        got = spectrogram(target[:1, :, 0], stft)
        # Stored in half precision: eleven significant bits.
        report.close(f"vqvae/losses/spec_nfft{stft.n_fft}", got, want, atol=1e-4, rtol=2**-11)


def check_bandwidth(folder: ReferenceFolder, report: Report) -> None:
    """The scale of a data set."""
    arrays = folder.arrays("vqvae/bandwidth.npz")
    got = bandwidth(arrays["items"], int(arrays["n_samples"]))
    for name in ("l2", "l1", "spec"):
        value = np.float64(getattr(got, name))
        report.close(f"vqvae/bandwidth/{name}", value, arrays[name], rtol=1e-5)


class _Recorded:
    """Random choices read from a file, in the order the reference drew them."""

    def __init__(self, permutations: Iterator[np.ndarray], noises: Iterator[np.ndarray]) -> None:
        self._permutations = permutations
        self._noises = noises

    def permutation(self, n: int) -> Tensor:
        return torch.from_numpy(next(self._permutations)).long()

    def normal(self, rows: int, width: int) -> Tensor:
        """The recorded noise; zeros where the file does not hold it (train_steps)."""
        noise = next(self._noises, None)
        return torch.zeros(rows, width) if noise is None else torch.from_numpy(noise)


def _numbered(arrays: Arrays, prefix: str) -> Iterator[np.ndarray]:
    """arrays[prefix + "0"], arrays[prefix + "1"], ... while there are any."""
    i = 0
    while f"{prefix}{i}" in arrays:
        yield arrays[f"{prefix}{i}"]
        i += 1


def _steps(arrays: Arrays, prefix: str) -> list[str]:
    steps: list[str] = []
    while any(key.startswith(f"{prefix}/step{len(steps)}/") for key in arrays):
        steps.append(f"{prefix}/step{len(steps)}")
    return steps


def check_codebook(folder: ReferenceFolder, report: Report) -> None:
    """The codebook's moves and restarts over several batches."""
    arrays = folder.arrays("vqvae/bottleneck_ema.npz")
    num_tokens = {"restored_numtokens": 500}
    for case in sorted({key.split("/")[0] for key in arrays}):
        k0 = torch.from_numpy(arrays[f"{case}/k0"])
        codebook = Codebook(len(k0), k0.shape[1], float(arrays[f"{case}/mu"]))
        if f"{case}/threshold" in arrays:
            codebook.k = k0.clone()
            threshold = float(arrays[f"{case}/threshold"])
            codebook.restore(num_tokens.get(case), threshold)
        for step in _steps(arrays, case):
            source = _Recorded(
                _numbered(arrays, f"{step}/perm"), _numbered(arrays, f"{step}/noise")
            )
            out = codebook(torch.from_numpy(arrays[f"{step}/x"]), True, source)
            name = f"vqvae/bottleneck_ema/{step}"
            report.exact(f"{name}/codes", out.codes, arrays[f"{step}/codes"])
            got = {
                "x_d": out.vectors,
                "commit": out.commit_loss,
                "fit": out.fit,
                "pn": out.prenorm,
                "k": codebook.k,
                "k_sum": codebook.k_sum,
                "k_elem": codebook.k_elem,
                "entropy": out.update["entropy"],
                "dk": out.update["dk"],
            }
            for key, value in got.items():
                report.close(f"{name}/{key}", value, arrays[f"{step}/{key}"], atol=1e-5)
            for key in ("used_curr", "usage"):
                report.exact(f"{name}/{key}", out.update[key], arrays[f"{step}/{key}"])


def check_training(folder: ReferenceFolder, report: Report) -> None:
    """Whole optimiser steps: losses, gradients, codes, weights."""
    arrays = folder.arrays("vqvae/train_steps.npz")
    hps = folder.json("hparams/vqvae.json")["hps"]
    scale = Bandwidth(**folder.json("vqvae/losses.json")["bandwidth"])
    names = [str(name) for name in arrays["param_names"]]
    for kind in ("lmix", "l2"):
        model = load_reference_vqvae(folder).train()
        for level in range(model.config.levels):
            # The reference counts the codes of one item, not of the batch.
            length = arrays["lmix/step0/x"].shape[1]
            model.codebook(level).restore(length // model.config.hop_samples(level))
        config = LossConfig(
            reconstruction=kind,
            commit=hps["commit"],
            spectral=hps["spectral"],
            multispectral=hps["multispectral"],
            **{key: hps[key] for key in ("lmix_l1", "lmix_l2", "lmix_linf", "linf_k")},
        )
        optimizer = JukeboxAdam(model.parameters(), lr=3e-4, weight_decay=0.01)
        parameters = dict(model.named_parameters())
        for i, step in enumerate(_steps(arrays, kind)):
            case = f"vqvae/train_steps/{step}"
            # The codebook's own path through later steps is compared to what drift allows.
            rtol = 1e-4 if i == 0 else 2e-3
            source = {
                level: _Recorded(iter([arrays[f"{step}/perm_l{level}"]]), iter([]))
                for level in range(model.config.levels)
            }
            audio = torch.from_numpy(arrays[f"lmix/step{i}/x"])
            out = vqvae_loss(model, audio, scale, config, randomness=source)
            if f"{step}/x_out" in arrays:
                report.close(f"{case}/x_out", out.outputs[0], arrays[f"{step}/x_out"], atol=1e-5)
            norm = optimise(model, optimizer, out.total)
            if f"{step}/grad_norms" in arrays:
                # Gradients were clipped in place: undo it.
                clip = max(1.0, norm)
                norms = [parameters[n].grad.norm() * clip for n in names]  # type: ignore[union-attr]
                want = arrays[f"{step}/grad_norms"]
                got = np.array([float(n) for n in norms])
                report.close(f"{case}/grad_norms", got, want, rtol=1e-3, atol=1e-3 * want.mean())
            want_norm = arrays[f"{step}/grad_norm"]
            report.close(f"{case}/grad_norm", np.float64(norm), want_norm, rtol=max(rtol, 1e-3))
            report.close(f"{case}/loss", out.total, arrays[f"{step}/loss"], rtol=rtol)
            recorded = f"{step}/k_l0" in arrays
            tiled = sum(_tiled(model, level, audio) for level in range(model.config.levels))
            for key in sorted(k for k in arrays if k.startswith(f"{step}/metric/")):
                metric = key.rpartition("/")[2]
                atol = 1e-6
                if metric == "dk":
                    # The unrecorded noise moves a level's dk by at most its own deviation.
                    noise = 0.01 / math.sqrt(model.config.emb_width)
                    atol += 1.2 * noise * tiled / model.config.levels
                elif metric in ("entropy", "used_curr") and i and not recorded:
                    # Restarted from the same vector, codes differ by that noise alone, and which
                    # of them a new vector takes is open.
                    atol += tiled / model.config.levels * (1.0 if metric == "entropy" else 8.0)
                value = out.metrics[_our_name(metric)]
                report.close(f"{case}/{metric}", value, arrays[key], rtol=rtol, atol=atol)
            for level in range(model.config.levels):
                _check_trained_codes(
                    model, level, step, arrays, report, 1e-5 if i == 0 else 1e-3, audio
                )
        for key in sorted(k for k in arrays if k.startswith(f"{kind}/final/")):
            got_p = parameters[key.removeprefix(f"{kind}/final/")]
            report.close(f"vqvae/train_steps/{key}", got_p, arrays[key], atol=1e-4)
        final = np.array([float(parameters[n].detach().norm()) for n in names])
        want = arrays[f"{kind}/final_norms"]
        report.close(f"vqvae/train_steps/{kind}/final_norms", final, want, atol=1e-4, rtol=1e-4)


def _check_trained_codes(
    model: VQVAE,
    level: int,
    step: str,
    arrays: Arrays,
    report: Report,
    atol: float,
    audio: Tensor,
) -> None:
    """Codebook after a step. Goes on from the recorded codes where their noise was not recorded.

    A level with fewer vectors than codes restarts from vectors with N(0, 0.01 / sqrt(emb)) noise
    on top. That noise is in no file, so restarted codes are held to six of its deviations.
    """
    codebook = model.codebook(level)
    case = f"vqvae/train_steps/{step}"
    if f"{step}/k_elem_l{level}" in arrays:
        got, want = codebook.k_elem, torch.from_numpy(arrays[f"{step}/k_elem_l{level}"])
        if _tiled(model, level, audio) and f"{step}/k_l{level}" not in arrays:
            got, want = got.sum(), want.sum()
        report.close(f"{case}/k_elem_l{level}", got, want, atol=atol)
    if f"{step}/k_l{level}" not in arrays:
        return
    recorded = torch.from_numpy(arrays[f"{step}/k_l{level}"])
    alive = codebook.k_elem >= codebook.threshold
    width = codebook.k.shape[1]
    tiled = _tiled(model, level, audio)
    noise = 6 * 0.01 / math.sqrt(width) if tiled else 0.0
    for name, chosen, tolerance in (
        ("alive", alive, atol),
        ("restarted", ~alive, atol + noise),
    ):
        if chosen.any():
            got, want = codebook.k[chosen], recorded[chosen]
            report.close(f"{case}/k_l{level} {name}", got, want, atol=tolerance)
    if tiled:
        codebook.k = recorded


def _tiled(model: VQVAE, level: int, audio: Tensor) -> bool:
    """Whether a batch gives a level fewer vectors than it has codes."""
    vectors = audio.shape[0] * audio.shape[1] // model.config.hop_samples(level)
    return vectors < model.config.codebook_size


def _our_name(metric: str) -> str:
    """The original counts the levels of its losses from one."""
    name, _, level = metric.rpartition("_l")
    return f"{name}_l{int(level) - 1}" if level.isdigit() else metric
