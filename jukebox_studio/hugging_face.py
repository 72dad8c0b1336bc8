"""The Hugging Face form of Jukebox in the original's words: names of weights, and config.json.

No torch. The facts are those of transformers 4.47.1, whose Jukebox it holds last; shapes and
layouts of the weights are the same on both sides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jukebox_studio.errors import JukeboxError

VQVAE_PART = "vqvae"
"""The part of a model that is no level."""

_RESIDUAL = r"resnet_block\.(?P<d>\d+)\.conv1d_(?P<c>[12])\.(?P<p>weight|bias)"
_BLOCK = r"level_blocks\.(?P<l>\d+)"
_STACK = r"transformer\._attn_mods\.(?P<d>\d+)"
_MATRIX = r"attn\.(?:c_attn|c_enc_kv|c_proj)|mlp\.(?:c_fc|c_proj)"
_NAMES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), template)
    for pattern, template in (
        # Down: pairs of a convolution (even index) and a residual stack (odd), then one more
        # convolution, whose place in the original's list is the number of pairs.
        (
            rf"encoders\.(?P<L>\d+)\.{_BLOCK}\.downsample_block\.(?P<j>\d+)\.(?P<p>weight|bias)",
            "encoders.{L}.level_blocks.{l}.model.{pair}.0.{p}",
        ),
        (
            rf"encoders\.(?P<L>\d+)\.{_BLOCK}\.downsample_block\.(?P<j>\d+)\.{_RESIDUAL}",
            "encoders.{L}.level_blocks.{l}.model.{pair}.1.model.{d}.model.{conv}.{p}",
        ),
        (
            rf"encoders\.(?P<L>\d+)\.{_BLOCK}\.proj_out\.(?P<p>weight|bias)",
            "encoders.{L}.level_blocks.{l}.model.{pairs}.{p}",
        ),
        # Up: one convolution, then pairs of a residual stack (even) and a convolution (odd).
        (
            rf"decoders\.(?P<L>\d+)\.{_BLOCK}\.proj_in\.(?P<p>weight|bias)",
            "decoders.{L}.level_blocks.{l}.model.0.{p}",
        ),
        (
            rf"decoders\.(?P<L>\d+)\.{_BLOCK}\.upsample_block\.(?P<j>\d+)\.{_RESIDUAL}",
            "decoders.{L}.level_blocks.{l}.model.{next}.0.model.{d}.model.{conv}.{p}",
        ),
        (
            rf"decoders\.(?P<L>\d+)\.{_BLOCK}\.upsample_block\.(?P<j>\d+)\.(?P<p>weight|bias)",
            "decoders.{L}.level_blocks.{l}.model.{next}.1.{p}",
        ),
        (r"decoders\.(?P<L>\d+)\.out\.(?P<p>weight|bias)", "decoders.{L}.out.{p}"),
        (rf"bottleneck\.{_BLOCK}\.codebook", "bottleneck.level_blocks.{l}.k"),
        # Priors.
        (r"conditioner_blocks\.embed_tokens\.weight", "conditioner_blocks.0.x_emb.weight"),
        (
            r"conditioner_blocks\.layer_norm\.(?P<p>weight|bias)",
            "conditioner_blocks.0.ln.{p}",
        ),
        (
            r"conditioner_blocks\.upsampler\.proj_in\.(?P<p>weight|bias)",
            "conditioner_blocks.0.cond.model.0.{p}",
        ),
        (
            rf"conditioner_blocks\.upsampler\.upsample_block\.(?P<j>\d+)\.{_RESIDUAL}",
            "conditioner_blocks.0.cond.model.{next}.0.blocks.{d}.model.{conv}.{p}",
        ),
        (
            r"conditioner_blocks\.upsampler\.upsample_block\.(?P<j>\d+)\.(?P<p>weight|bias)",
            "conditioner_blocks.0.cond.model.{next}.1.{p}",
        ),
        (
            r"metadata_embedding\.(?P<n>bow_genre|artist)_emb\.weight",
            "y_emb.{n}_emb.emb.weight",
        ),
        (
            r"metadata_embedding\.(?P<n>total_length|absolute_pos|relative_pos)_emb\.emb\.weight",
            "y_emb.{n}_emb.emb.weight",
        ),
        (r"(?P<s>prior|encoder)\.start_token", "{stack}.start_token"),
        (r"(?P<s>prior|encoder)\.embed_tokens\.weight", "{stack}.x_emb.weight"),
        (r"(?P<s>prior|encoder)\.pos_emb\.pos_emb", "{stack}.pos_emb.pos_emb"),
        (r"prior\.fc_proj_out\.weight", "prior.x_out.weight"),
        (r"encoder\.lm_head\.weight", "prime_x_out.weight"),
        (r"encoder\.proj_in\.(?P<p>weight|bias)", "prime_state_proj.{short}"),
        (r"encoder\.final_layer_norm\.(?P<p>weight|bias)", "prime_state_ln.{p}"),
        (
            rf"(?P<s>prior|encoder)\.{_STACK}\.layer_norm_(?P<n>[01])\.(?P<p>weight|bias)",
            "{stack}.transformer._attn_mods.{d}.ln_{n}.{p}",
        ),
        (
            rf"(?P<s>prior|encoder)\.{_STACK}\.(?P<n>{_MATRIX})\.(?P<p>weight|bias)",
            "{stack}.transformer._attn_mods.{d}.{n}.{short}",
        ),
    )
)
"""A Hugging Face key without `vqvae.` or `priors.N.`, and the original's key for it.

Shapes and layouts are the same on both sides (transformers 4.47.1).
"""


def openai_keys(keys: Iterable[str]) -> dict[str, tuple[str | int, str]]:
    """For each key of a Hugging Face checkpoint its part ("vqvae" or the level) and our key.

    There priors are counted from the top: of three, `priors.0` is level 2. Keys that are no weight
    of a Jukebox keep their name, so that they are reported as not expected.
    """
    keys = list(keys)
    priors = 1 + max((int(m[1]) for k in keys if (m := re.match(r"priors\.(\d+)\.", k))), default=0)
    pairs: dict[tuple[str, str], int] = {}
    for key in keys:
        m = re.match(r"vqvae\.encoders\.(\d+)\.level_blocks\.(\d+)\.downsample_block\.(\d+)\.", key)
        if m:
            at = (m[1], m[2])
            pairs[at] = max(pairs.get(at, 0), int(m[3]) // 2 + 1)
    renamed: dict[str, tuple[str | int, str]] = {}
    for key in keys:
        head, _, rest = key.partition(".")
        part: str | int = VQVAE_PART
        if head == "priors":
            number, _, rest = rest.partition(".")
            part = priors - 1 - int(number) if number.isdecimal() else VQVAE_PART
        elif head != VQVAE_PART:
            rest = key
        renamed[key] = (part, _openai_key(rest, pairs) or key)
    return renamed


def _openai_key(key: str, pairs: Mapping[tuple[str, str], int]) -> str | None:
    for pattern, template in _NAMES:
        match = pattern.fullmatch(key)
        if match:
            g = match.groupdict()
            pair = int(g.get("j") or 0) // 2
            return template.format(
                **g,
                pair=pair,
                next=pair + 1,
                pairs=pairs.get((g.get("L") or "", g.get("l") or ""), 0),
                conv={"1": "1", "2": "3"}.get(g.get("c") or "", ""),
                short={"weight": "w", "bias": "b"}.get(g.get("p") or "", ""),
                stack="prime_prior" if g.get("s") == "encoder" else "prior",
            )
    return None


_ATTENTION_ORDERS = {
    "full_dense_attention": 0,
    "raw_column_previous_row_attention": 2,
    "large_separated_enc_dec_w_lyrics": 10,
    "enc_dec_with_lyrics": 12,
}


# config.json may leave out what equals these.
_VQVAE_DEFAULTS: dict[str, Any] = {
    "res_downs_t": [3, 2, 2],
    "res_strides_t": [2, 2, 2],
    "res_conv_width": 32,
    "res_conv_depth": 4,
    "embed_dim": 64,
    "nb_discrete_codes": 2048,
    "multipliers": [2, 1, 1],
    "res_dilation_growth_rate": 3,
    "res_dilation_cycle": None,
    "res_convolution_multiplier": 1,
    "conv_res_scale": False,
    "lmu": 0.99,
}
_PRIOR_DEFAULTS: dict[str, Any] = {
    "alignment_head": 2,
    "alignment_layer": 68,
    "attention_multiplier": 0.25,
    "attention_pattern": "enc_dec_with_lyrics",
    "attn_res_scale": False,
    "blocks": 64,
    "conv_res_scale": None,
    "encoder_config": None,
    "encoder_loss_fraction": 0.4,
    "hidden_size": 2048,
    "init_scale": 0.2,
    "is_encoder_decoder": True,
    "lyric_vocab_size": 80,
    "max_duration": 600.0,
    "max_nb_genres": 1,
    "merged_decoder": True,
    "metadata_conditioning": True,
    "metadata_dims": [604, 7898],
    "min_duration": 0,
    "mlp_multiplier": 1.0,
    "n_ctx": 6144,
    "n_heads": 2,
    "nb_relevant_lyric_tokens": 384,
    "num_layers": 72,
    "res_conv_depth": 3,
    "res_conv_width": 128,
    "res_convolution_multiplier": 1,
    "res_dilation_cycle": None,
    "res_dilation_growth_rate": 1,
    "timing_dims": 64,
}


def hugging_face_hps(folder: Path) -> dict[str | int, dict[str, Any]]:
    """config.json in the original's words, by part. A part is empty where a field is missing."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        count = int(config.get("nb_priors", 3))
        priors = config.get("prior_config_list") or [config[f"prior_{n}"] for n in range(count)]
        parts: dict[str | int, dict[str, Any]] = {VQVAE_PART: _vqvae_hps(config)}
        for number, prior in enumerate(priors):
            level = len(priors) - 1 - number
            parts[level] = _prior_hps({**_PRIOR_DEFAULTS, **config, **prior}, level)
        return parts
    except OSError as error:
        raise JukeboxError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise JukeboxError(f"{path} is not valid JSON.") from error
    except (KeyError, TypeError, AttributeError):
        return {}  # published models are recognised by their shapes alone


def _vqvae_hps(config: Mapping[str, Any]) -> dict[str, Any]:
    vqvae = {**_VQVAE_DEFAULTS, **config["vqvae_config"]}
    return {
        "sr": config.get("sampling_rate", 44_100),
        "downs_t": vqvae["res_downs_t"],
        "strides_t": vqvae["res_strides_t"],
        "width": vqvae["res_conv_width"],
        "depth": vqvae["res_conv_depth"],
        "emb_width": vqvae["embed_dim"],
        "l_bins": vqvae["nb_discrete_codes"],
        "hvqvae_multipliers": vqvae["multipliers"],
        "dilation_growth_rate": vqvae["res_dilation_growth_rate"],
        "dilation_cycle": vqvae["res_dilation_cycle"],
        "m_conv": vqvae["res_convolution_multiplier"],
        "res_scale": vqvae["conv_res_scale"],
        "vqvae_reverse_decoder_dilation": True,
        "l_mu": vqvae["lmu"],
    }


def _prior_hps(prior: Mapping[str, Any], level: int) -> dict[str, Any]:
    n_tokens = prior["nb_relevant_lyric_tokens"]
    encoder = {**_PRIOR_DEFAULTS, **(prior["encoder_config"] or {})}
    genres, artists = prior["metadata_dims"]
    return {
        "level": level,
        # The lyric vocabulary tells the versions apart: 79 characters in v3, 80 in v2.
        "labels_v3": bool(n_tokens) and prior["lyric_vocab_size"] == 79,
        "labels": prior["metadata_conditioning"],
        "y_bins": (genres, artists),
        "max_bow_genre_size": prior["max_nb_genres"],
        "t_bins": prior["timing_dims"],
        "min_duration": prior["min_duration"],
        "max_duration": prior["max_duration"],
        "prior_width": prior["hidden_size"],
        "prior_depth": prior["num_layers"],
        "heads": prior["n_heads"],
        "attn_order": _ATTENTION_ORDERS[prior["attention_pattern"]],
        "blocks": prior["blocks"],
        "m_attn": prior["attention_multiplier"],
        "m_mlp": prior["mlp_multiplier"],
        "res_scale": prior["attn_res_scale"],
        "init_scale": prior["init_scale"],
        "n_ctx": prior["n_ctx"],
        "merged_decoder": prior["merged_decoder"],
        "use_tokens": bool(n_tokens),
        "n_tokens": n_tokens,
        "n_vocab": prior["lyric_vocab_size"],
        "single_enc_dec": prior["is_encoder_decoder"],
        "alignment_layer": prior["alignment_layer"],
        "alignment_head": prior["alignment_head"],
        "prime_loss_fraction": prior["encoder_loss_fraction"],
        "prime_width": encoder["hidden_size"],
        "prime_depth": encoder["num_layers"],
        "prime_heads": encoder["n_heads"],
        "prime_attn_order": _ATTENTION_ORDERS[encoder["attention_pattern"]],
        "prime_blocks": encoder["blocks"],
        "prime_m_attn": encoder["attention_multiplier"],
        "prime_m_mlp": encoder["mlp_multiplier"],
        "prime_res_scale": encoder["attn_res_scale"],
        "prime_init_scale": encoder["init_scale"],
        "cond_width": prior["res_conv_width"],
        "cond_depth": prior["res_conv_depth"],
        "cond_dilation_growth_rate": prior["res_dilation_growth_rate"],
        "cond_dilation_cycle": prior["res_dilation_cycle"],
        "cond_res_scale": bool(prior["conv_res_scale"]),
        "cond_m_conv": prior["res_convolution_multiplier"],
    }
