"""Checkpoints of tiny random models in the forms of OpenAI and of Hugging Face."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from hugging_face_names import hugging_face_key
from torch import Tensor

from jukebox_studio.model.config import PriorConfig, VQVAEConfig
from jukebox_studio.model.published import prior_config, vqvae_config
from jukebox_studio.model.shapes import prior_shapes, vqvae_shapes

ARTISTS, GENRES = ("unknown", "alice", "bob"), ("unknown", "polka", "dub")

VQVAE_HPS: dict[str, Any] = {
    "sr": 8000,
    "downs_t": (2, 1, 1),
    "strides_t": (2, 2, 2),
    "width": 4,
    "depth": 2,
    "emb_width": 6,
    "l_bins": 10,
    "hvqvae_multipliers": (2, 1, 1),
    "dilation_growth_rate": 3,
    "dilation_cycle": None,
    "m_conv": 1.0,
    "res_scale": False,
    "vqvae_reverse_decoder_dilation": True,
    "l_mu": 0.99,
}

_PRIOR_HPS: dict[str, Any] = {
    "labels": True,
    "labels_v3": False,
    "y_bins": (3, 3),
    "max_bow_genre_size": 5,
    "t_bins": 4,
    "min_duration": 0.5,
    "max_duration": 60.0,
    "prior_width": 8,
    "prior_depth": 4,
    "heads": 2,
    "attn_order": 2,
    "blocks": 4,
    "m_attn": 0.25,
    "m_mlp": 1.0,
    "res_scale": False,
    "init_scale": 0.2,
    "n_ctx": 16,
    "merged_decoder": False,
    "use_tokens": False,
    "n_tokens": 0,
    "n_vocab": 80,
    "single_enc_dec": False,
    "alignment_layer": None,
    "alignment_head": None,
    "prime_loss_fraction": 0.4,
    "prime_width": 6,
    "prime_depth": 3,
    "prime_heads": 1,
    "prime_attn_order": 2,
    "prime_blocks": 2,
    "prime_m_attn": 0.5,
    "prime_m_mlp": 1.0,
    "prime_res_scale": False,
    "prime_init_scale": 0.7,
    "cond_width": 5,
    "cond_depth": 2,
    "cond_dilation_growth_rate": 3,
    "cond_dilation_cycle": 8,
    "cond_res_scale": False,
    "cond_m_conv": 1.0,
}
MERGED_LYRICS = {
    "labels_v3": True,
    "attn_order": 12,
    "prior_depth": 16,
    "use_tokens": True,
    "n_tokens": 8,
    "n_vocab": 79,
    "single_enc_dec": True,
    "alignment_layer": 15,
    "alignment_head": 1,
}
LYRIC_ENCODER = {
    "attn_order": 6,
    "use_tokens": True,
    "n_tokens": 8,
    "merged_decoder": True,
    "alignment_layer": 3,
    "alignment_head": 0,
}


def tiny_hps(level: int, **changes: Any) -> dict[str, Any]:
    """Hyper-parameters of a tiny prior, spelled as in the original's checkpoints."""
    return {**_PRIOR_HPS, "level": level, "cond_res_scale": level == 1, **changes}


def tiny_vqvae() -> VQVAEConfig:
    return vqvae_config("vqvae", VQVAE_HPS)


def tiny_prior(level: int, **changes: Any) -> PriorConfig:
    return prior_config(f"prior_level_{level}", tiny_hps(level, **changes), tiny_vqvae())


def random_state(config: VQVAEConfig | PriorConfig, half: bool = False) -> dict[str, Tensor]:
    """Random weights with the keys and shapes of a configuration; `half`: matrices in float16."""
    is_prior = isinstance(config, PriorConfig)
    shapes = prior_shapes(config) if isinstance(config, PriorConfig) else vqvae_shapes(config)
    generator = torch.Generator().manual_seed(config.level if is_prior else 7)
    state = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    if half:
        state = {key: t.half() if key.endswith(".w") else t for key, t in state.items()}
    if isinstance(config, PriorConfig) and not config.untied_head:
        state["prior.x_out.weight"] = state["prior.x_emb.weight"]
    return state


def write_openai(
    path: Path, state: dict[str, Tensor], hps: Any, *, zipped: bool = True, prefix: str = ""
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "hps": hps,
        "model": {prefix + key: tensor for key, tensor in state.items()},
        "opt": None,
        "step": 1,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)


def write_openai_model(folder: Path, top: dict[str, Any] | None = None) -> dict[Any, Any]:
    """A model in the original's layout, every file of another kind; its states by part."""
    top = MERGED_LYRICS if top is None else top
    states: dict[Any, Any] = {"vqvae": random_state(tiny_vqvae())}
    write_openai(folder / "5b/vqvae.pth.tar", states["vqvae"], VQVAE_HPS, zipped=False)
    for level, kind in (
        (0, {"zipped": False}),
        (1, {"zipped": True}),
        (2, {"zipped": True, "prefix": "module."}),
    ):
        changes = top if level == 2 else {}
        states[level] = random_state(tiny_prior(level, **changes), half=level == 2)
        sub = "1b_lyrics" if level == 2 else "5b"
        path = folder / sub / f"prior_level_{level}.pth.tar"
        write_openai(path, states[level], tiny_hps(level, **changes), **kind)  # type: ignore[arg-type]
    return states


def write_ids(folder: Path) -> Path:
    """Label tables in the original's form."""
    folder.mkdir(parents=True, exist_ok=True)
    for version in ("v2", "v3"):
        for kind, names in (("artist", ARTISTS), ("genre", GENRES)):
            lines = "".join(f"{name};{number}\n" for number, name in enumerate(names))
            (folder / f"{version}_{kind}_ids.txt").write_text(lines, encoding="utf-8")
    return folder


def hugging_face_state(states: dict[Any, Any]) -> dict[str, Tensor]:
    return {
        hugging_face_key(key, part, 3): tensor
        for part, state in states.items()
        for key, tensor in state.items()
    }


def write_hugging_face_texts(folder: Path, top: dict[str, Any] | None = None) -> None:
    """config.json and the label tables beside the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    top = MERGED_LYRICS if top is None else top
    priors = [_config_of(tiny_hps(level, **(top if level == 2 else {}))) for level in (2, 1, 0)]
    v = VQVAE_HPS
    vqvae = {
        "res_downs_t": v["downs_t"],
        "res_strides_t": v["strides_t"],
        "res_conv_width": v["width"],
        "res_conv_depth": v["depth"],
        "embed_dim": v["emb_width"],
        "nb_discrete_codes": v["l_bins"],
        "model_type": "jukebox_vqvae",
    }
    config = {
        "model_type": "jukebox",
        "sampling_rate": v["sr"],
        "nb_priors": 3,
        "prior_config_list": priors,
        "vqvae_config": vqvae,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for file, names in (("artists.json", ARTISTS), ("genres.json", GENRES)):
        table = {name: number for number, name in enumerate(names)}
        table |= {f"{name}.v2": number for name, number in table.items()}
        (folder / file).write_text(json.dumps(table), encoding="utf-8")


def _config_of(hps: dict[str, Any]) -> dict[str, Any]:
    patterns = {
        0: "full_dense_attention",
        2: "raw_column_previous_row_attention",
        12: "enc_dec_with_lyrics",
    }
    own = {
        "metadata_dims": hps["y_bins"],
        "max_nb_genres": hps["max_bow_genre_size"],
        "timing_dims": hps["t_bins"],
        "min_duration": hps["min_duration"],
        "max_duration": hps["max_duration"],
        "hidden_size": hps["prior_width"],
        "num_layers": hps["prior_depth"],
        "n_heads": hps["heads"],
        "attention_pattern": patterns[hps["attn_order"]],
        "blocks": hps["blocks"],
        "n_ctx": hps["n_ctx"],
        "merged_decoder": hps["merged_decoder"],
        "nb_relevant_lyric_tokens": hps["n_tokens"],
        "lyric_vocab_size": hps["n_vocab"],
        "is_encoder_decoder": hps["single_enc_dec"],
        "alignment_layer": hps["alignment_layer"],
        "alignment_head": hps["alignment_head"],
        "res_conv_width": hps["cond_width"],
        "res_conv_depth": hps["cond_depth"],
        "res_dilation_growth_rate": hps["cond_dilation_growth_rate"],
        "res_dilation_cycle": hps["cond_dilation_cycle"],
        "conv_res_scale": hps["cond_res_scale"],
        "encoder_config": None,
    }
    return own
