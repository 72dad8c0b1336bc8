"""Golden vectors of the priors: full pass, losses, gradients, alignment and sampling of windows."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import (
    PUBLISHED_PRIORS,
    PUBLISHED_VQVAE,
    PriorConfig,
    TransformerConfig,
    VQVAEConfig,
)
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.published import prior_config, vqvae_config
from jukebox_studio.model.transformer import Attention, Transformer
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.reference.folder import ReferenceFolder, Report
from jukebox_studio.sampling.decode import cached_stack, sample_window
from jukebox_studio.sampling.guidance import filter_logits

Arrays = dict[str, np.ndarray]

LOGITS = {"atol": 2e-4, "rtol": 2e-5}
CONDITIONING = {"atol": 2e-5}
BITS = {"atol": 1e-4}
ATTENTION = {"atol": 1e-5}
CHUNK_SIZES = (1, 5, 10_000)
"""Of the priming pass: any gives the same codes."""


def check(folder: ReferenceFolder, report: Report) -> None:
    """Run every case of `prior/`, `hparams/` and the logit filters of `sampling/`."""
    models = _vectors_by_model(folder)
    for model in _prior_names(folder):
        with report.section(f"hparams/{model}"):
            _check_hparams(folder, report, model)
        vectors = models.pop(model, None)
        if vectors is None:
            report.true(f"hparams/{model}/vectors", False, "no vectors in prior/ go with it")
            continue
        case = vectors.removesuffix(".npz")
        with report.section(case):
            PriorVectors(folder, report, model, vectors).run()
    for vectors in models.values():
        report.true(vectors, False, "no model in hparams/ goes with it")
    with report.section("prior/attn_orders"):
        _check_attention_orders(folder, report)
    with report.section("sampling/filter_logits"):
        check_filter_logits(folder, report)
    if "hparams/published/state_dicts.json.gz" in folder.listed:
        with report.section("hparams/published"):
            _check_published(folder, report)


def load_reference_prior(folder: ReferenceFolder, model: str) -> Prior:
    """The prior of hparams/`model`.json with its random weights, in evaluation mode."""
    hparams = folder.json(f"hparams/{model}.json")
    prior = Prior(_config(folder, model, hparams["hps"]))
    prior.load_state_dict(_state(folder, hparams))
    return prior.eval()


def _config(folder: ReferenceFolder, model: str, hps: Mapping[str, Any]) -> PriorConfig:
    vqvae = vqvae_config("vqvae", folder.json("hparams/vqvae.json")["hps"])
    return prior_config(model, hps, vqvae)


def _state(folder: ReferenceFolder, hparams: Mapping[str, Any]) -> dict[str, Tensor]:
    state = folder.checkpoint(hparams["checkpoint"])["model"]
    return {key.removeprefix("module."): tensor for key, tensor in state.items()}


def _prior_names(folder: ReferenceFolder) -> list[str]:
    """The models of hparams/ that are priors."""
    names = (n.removeprefix("hparams/") for n in folder.names("hparams", ".json"))
    return [name.removesuffix(".json") for name in names if "vqvae" not in name]


def _vectors_by_model(folder: ReferenceFolder) -> dict[str, str]:
    """{model in hparams/: file in prior/}. Neither folder says which belong together.

    The vectors are named after the model or after its checkpoint's path, less the word "prior".
    """

    def plain(name: str) -> str:
        return "_".join(w for w in re.split(r"[/_.]", name) if w not in {"prior", "pth", "tar"})

    models: dict[str, str] = {}
    for model in _prior_names(folder):
        checkpoint = folder.json(f"hparams/{model}.json")["checkpoint"].removeprefix("models/")
        models[plain(model)] = models[plain(checkpoint)] = model
    found: dict[str, str] = {}
    for vectors in folder.names("prior", ".npz"):
        name = vectors.removeprefix("prior/").removesuffix(".npz")
        if name != "attn_orders":
            found[models.get(plain(name), vectors)] = vectors
    return found


def _check_hparams(folder: ReferenceFolder, report: Report, model: str) -> None:
    """Keys, shapes, dtypes and derived values of one model."""
    case = f"hparams/{model}"
    hparams = folder.json(f"hparams/{model}.json")
    config = _config(folder, model, hparams["hps"])
    with torch.device("meta"):
        prior = Prior(config)
    _check_keys(report, f"{case}/state_dict", prior, hparams["state_dict"])
    state = folder.checkpoint(hparams["checkpoint"])["model"]
    stored = [[k, list(t.shape), str(t.dtype).removeprefix("torch.")] for k, t in state.items()]
    report.true(f"{case}/checkpoint", stored == _listed(hparams), "keys as listed in state_dict")
    derived = hparams["derived"]
    lyrics, encoder = config.lyrics, config.lyrics.encoder if config.lyrics else None
    ratio = config.conditioner.codes_per_code_above if config.conditioner else None
    first_attention = prior.get_submodule("prior.transformer._attn_mods.0.attn")
    assert isinstance(first_attention, Attention)
    # Positions that kind 7 sees exist only where lyrics share the sequence.
    prime = first_attention.prime_positions if config.merged_lyrics else None
    ours = {
        "attn_funcs": list(config.transformer.kinds),
        "cond_downsample": ratio,
        "prime_attn_funcs": list(encoder.kinds) if lyrics and encoder else None,
        "prime_len_7": prime,
        "raw_to_tokens": config.hop_samples,
        "sample_length": config.sample_length,
        "z_shapes": _code_shapes(folder, config),
    }
    wrong = [key for key in derived if derived[key] != ours.get(key)]
    report.true(f"{case}/derived", not wrong, f"differ: {', '.join(wrong)}" if wrong else "exact")


def _listed(hparams: Mapping[str, Any]) -> list[list[Any]]:
    prefix = hparams["key_prefix"]
    return [
        [key if key.startswith(prefix) else prefix + key, shape, dtype]
        for key, shape, dtype in hparams["state_dict"]
    ]


def _code_shapes(folder: ReferenceFolder, config: PriorConfig) -> list[list[int]]:
    """Codes per level under one window of this prior."""
    vqvae = vqvae_config("vqvae", folder.json("hparams/vqvae.json")["hps"])
    return [[config.sample_length // vqvae.hop_samples(level)] for level in range(vqvae.levels)]


def _check_keys(report: Report, case: str, module: nn.Module, listed: list[list[Any]]) -> None:
    ours = [(key, list(tensor.shape)) for key, tensor in module.state_dict().items()]
    want = [(key.removeprefix("module."), shape) for key, shape, _ in listed]
    for got, expected in zip(ours, want, strict=False):
        if got != expected:
            report.true(case, False, f"{got}, expected {expected}")
            return
    report.true(case, len(ours) == len(want), f"{len(ours)} keys, expected {len(want)}")


class PriorVectors:
    """All arrays of one `prior/*.npz`. An array that no check knows is a failure."""

    def __init__(self, folder: ReferenceFolder, report: Report, model: str, vectors: str) -> None:
        self.report = report
        self.case = vectors.removesuffix(".npz")
        self.arrays = folder.arrays(vectors)
        self.left = set(self.arrays)
        self.prior = load_reference_prior(folder, model)
        self.codes = self.tensor("z")
        self.y = self.optional("y")
        self.codes_above = self.optional("z_cond")

    def tensor(self, key: str) -> Tensor:
        return torch.from_numpy(self.array(key))

    def optional(self, key: str) -> Tensor | None:
        return self.tensor(key) if key in self.arrays else None

    def array(self, key: str) -> np.ndarray:
        self.left.discard(key)
        return self.arrays[key]

    def close(self, key: str, got: Tensor | float, **tolerance: float) -> None:
        """Compares with the array of that name, if the file has it."""
        if key in self.arrays:
            self.report.close(f"{self.case}/{key}", got, self.array(key), **tolerance)

    def exact(self, key: str, got: Tensor) -> None:
        if key in self.arrays:
            self.report.exact(f"{self.case}/{key}", got, self.array(key))

    def run(self) -> None:
        with torch.no_grad():
            self.forward()
            self.attention()
            self.sampling()
        self.training()
        left = ", ".join(sorted(self.left))
        detail = f"no check knows {left}" if left else "none left over"
        self.report.true(f"{self.case}/arrays", not left, detail)

    def forward(self) -> None:
        prior = self.prior
        conditioning = prior.conditioning(self.y, self.codes_above)
        if "x_cond" in self.arrays and conditioning.x_cond is not None:
            self.close("x_cond", conditioning.x_cond, **CONDITIONING)
        if "y_cond" in self.arrays and conditioning.y_cond is not None:
            self.close("y_cond", conditioning.y_cond, **CONDITIONING)
        tokens = prior.lyric_tokens(self.y, None)
        if tokens is not None:
            self.exact("prime", tokens)
            encoder_kv = prior.encoder_kv(tokens)
            if encoder_kv is not None:
                self.close("encoder_kv", encoder_kv, **CONDITIONING)
        layers: list[Tensor] = []
        handles = [
            block.register_forward_hook(lambda _block, _inputs, out: layers.append(out))
            for block in prior.prior.transformer._attn_mods
        ]
        logits = prior(self.codes, self.y, self.codes_above)
        for handle in handles:
            handle.remove()
        self.close("logits", logits, **LOGITS)
        if "layer_ids" in self.arrays:
            kept = torch.stack([layers[int(i)][:1] for i in self.array("layer_ids")])
            self.close("layer_out", kept, **LOGITS)  # [layers, 1, T, W]
        loss = prior.loss(self.codes, self.y, self.codes_above)
        for key, bits in (
            ("loss", loss.total),
            ("gen_loss", loss.codes),
            ("bpd", loss.codes),
            ("prime_loss", loss.lyrics),
        ):
            self.close(key, bits, **BITS)
        self.half_precision(logits, loss.total)

    def half_precision(self, logits: Tensor, loss: Tensor) -> None:
        """The reference's own half-precision numbers, against ours in float32: informative."""
        if "fp16_maxdiff" not in self.arrays:
            return
        known = float(self.array("fp16_maxdiff"))
        self.close("fp16_logits", logits, atol=5 * known)
        self.close("fp16_loss", loss, atol=5 * known)
        half = self.arrays["fp16_logits"].astype(np.float32)
        # The file holds the logits rounded to half, while their deviation was taken before that.
        rounding = float(np.abs(half).max()) * 2.0**-11 + LOGITS["atol"]
        largest = float(np.abs(half - logits.numpy()).max())
        self.report.close(f"{self.case}/fp16_maxdiff", largest, known, atol=rounding)

    def attention(self) -> None:
        for key in sorted(k for k in self.arrays if k.startswith("attn_w_layer")):
            layer = int(key.removeprefix("attn_w_layer"))
            weights = self.prior.attention_weights(
                self.codes, self.y, self.codes_above, layers=[layer]
            )
            self.close(key, weights[layer], **ATTENTION)
            window = sample_window(
                self.prior,
                y=self.y,
                codes_above=self.codes_above,
                prime=self.codes,
                pick=lambda logits, position: logits.argmax(dim=1),
                chunk_size=7,
                record_attention_layer=layer,
            )
            assert window.attention is not None
            case = f"{self.case}/{key}/cached"
            self.report.close(case, window.attention, self.array(key), **ATTENTION)

    def sampling(self) -> None:
        for key in sorted(self.arrays):
            if key == "greedy":
                self.sample(key, given=0)
            elif key == "short":
                self.sample(key, given=0, total=int(self.array("short_tokens")))
            elif match := re.fullmatch(r"primed(\d+)", key):
                self.sample(key, given=int(match[1]))

    def sample(self, key: str, given: int, total: int | None = None) -> None:
        """Greedy codes: the first `given` are part of the array."""
        want = self.tensor(key)
        for chunk_size in CHUNK_SIZES if given > 1 else CHUNK_SIZES[-1:]:
            gaps: list[float] = []

            def pick(logits: Tensor, position: int, gaps: list[float] = gaps) -> Tensor:
                best = logits.topk(2, dim=1).values
                gaps.append(float((best[:, 0] - best[:, 1]).min()))
                return logits.argmax(dim=1)

            window = sample_window(
                self.prior,
                y=self.y,
                codes_above=self.codes_above,
                prime=want[:, :given],
                pick=pick,
                sample_tokens=total,
                chunk_size=chunk_size,
            )
            name = f"{self.case}/{key}"
            if given > 1 and chunk_size < want.shape[1]:
                name += f"/chunks_of_{chunk_size}"
            self.report.exact(name, window.codes, want)
        self.close(f"{key}_min_gap", min(gaps), atol=2 * LOGITS["atol"])

    def training(self) -> None:
        if "train_loss" not in self.arrays:
            return
        prior = self.prior.train()
        loss = prior.loss(self.codes, self.y, self.codes_above).total
        loss.backward()
        self.close("train_loss", loss.detach(), **BITS)
        names, norms = zip(
            *((k, p.grad.norm()) for k, p in prior.named_parameters() if p.grad is not None),
            strict=True,
        )
        wanted = [name.removeprefix("module.") for name in self.array("grad_names").tolist()]
        self.report.exact(f"{self.case}/grad_names", np.array(names), np.array(wanted))
        self.close("grad_norms", torch.stack(norms), rtol=1e-3)


@torch.no_grad()
def _check_attention_orders(folder: ReferenceFolder, report: Report) -> None:
    shape = folder.json("prior/attn_orders.json")
    arrays = folder.arrays("prior/attn_orders.npz")
    weights = folder.checkpoint("prior/attn_orders.pth.tar")["model"]
    x, encoder_kv = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["encoder_kv"])
    known = {"x", "encoder_kv"}
    for order, facts in shape["orders"].items():
        case = f"prior/attn_orders/order{order}"
        with report.section(case):
            config = TransformerConfig(
                width=shape["width"],
                depth=facts["depth"],
                heads=shape["heads"],
                attn_order=int(order),
                blocks=shape["blocks"],
                m_attn=shape["m_attn"],
                m_mlp=shape["m_mlp"],
                res_scale=facts["res_scale"],
            )
            report.exact(f"{case}/attn_funcs", config.kinds, facts["attn_funcs"])
            stack = Transformer(config, shape["n_ctx"], lyric_positions=shape["prime_len"])
            prefix = f"order{order}."
            state = {
                key.removeprefix(prefix): tensor
                for key, tensor in weights.items()
                if key.startswith(prefix)
            }
            stack.load_state_dict(state)
            want = arrays[f"y_order{order}"]
            known.add(f"y_order{order}")
            report.close(f"{case}/y", stack(x, encoder_kv), want, **LOGITS)
            for chunk_size in CHUNK_SIZES:
                cached = cached_stack(stack, len(x), encoder_kv)
                out = torch.cat([cached.feed(part) for part in x.split(chunk_size, dim=1)], dim=1)
                report.close(f"{case}/y/chunks_of_{chunk_size}", out, want, **LOGITS)
    left = ", ".join(sorted(set(arrays) - known))
    report.true("prior/attn_orders/arrays", not left, left or "none left over")


def check_filter_logits(folder: ReferenceFolder, report: Report) -> None:
    arrays = folder.arrays("sampling/filter_logits.npz")
    logits = torch.from_numpy(arrays["logits"])
    for facts in folder.json("sampling/filter_logits.json"):
        index, top_k, top_p = facts["i"], facts["top_k"], facts["top_p"]
        case = f"sampling/filter_logits/{index}"
        out = filter_logits(logits, facts["temp"], top_k, top_p)
        want = arrays[f"out{index}"]
        # Sorted, because which of several equal logits goes at the border is up to the sort.
        report.exact(f"{case}/kept", out.isneginf().sum(-1), np.isneginf(want).sum(-1))
        finite = [np.sort(np.where(np.isneginf(a), -1e30, a), -1) for a in (out.numpy(), want)]
        report.close(f"{case}/out", finite[0], finite[1], atol=1e-5, rtol=1e-6)
        probabilities = np.sort(out.softmax(-1).numpy(), -1)
        expected = np.sort(arrays[f"probs{index}"], -1)
        report.close(f"{case}/probs", probabilities, expected, atol=1e-6)
    try:
        filter_logits(logits, 1.0, top_k=2, top_p=0.5)
    except JukeboxError:
        refused = True
    else:
        refused = False
    report.true("sampling/filter_logits/both_refused", refused)


def _check_published(folder: ReferenceFolder, report: Report) -> None:
    """Keys and shapes of the full-size models, and our table of them. Takes no memory."""
    registry = folder.json("hparams/published/registry.json")
    for name, entry in registry.items():
        wrong = [k for k, v in entry["set"].items() if entry["resolved"].get(k) != v]
        report.true(f"hparams/published/{name}/resolved", not wrong, ", ".join(wrong) or "exact")
    packed = folder.path("hparams/published/state_dicts.json.gz").read_bytes()
    listed = json.loads(gzip.decompress(packed))
    vqvae = vqvae_config("vqvae", registry["vqvae"]["resolved"])
    for name, keys in listed.items():
        case = f"hparams/published/{name}"
        with report.section(case):
            config: VQVAEConfig | PriorConfig
            ours: VQVAEConfig | PriorConfig | None
            with torch.device("meta"):
                module: nn.Module
                if name == "vqvae":
                    config, ours = vqvae, PUBLISHED_VQVAE
                    module = VQVAE(config)
                else:
                    config = prior_config(name, registry[name]["resolved"], vqvae)
                    ours = PUBLISHED_PRIORS.get(name)
                    module = Prior(config)
            _check_keys(report, f"{case}/state_dict", module, keys)
            report.true(f"{case}/config", config == ours, "our table of published models")
