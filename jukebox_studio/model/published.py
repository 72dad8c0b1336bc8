"""From hyper-parameters stored in the original's checkpoints to our configurations. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from jukebox_studio.model.config import (
    ConditionerConfig,
    LabelConfig,
    LyricsConfig,
    PriorConfig,
    TransformerConfig,
    VQVAEConfig,
    uniform_vqvae,
)

Hps = Mapping[str, Any]


def vqvae_config(name: str, hps: Hps) -> VQVAEConfig:
    """The VQ-VAE that the original builds from `hps`."""
    return uniform_vqvae(
        name,
        sample_rate_hz=hps["sr"],
        downs=hps["downs_t"],
        strides=hps["strides_t"],
        width=hps["width"],
        depth=hps["depth"],
        emb_width=hps["emb_width"],
        codebook_size=hps["l_bins"],
        multipliers=hps["hvqvae_multipliers"],
        dilation_growth=hps["dilation_growth_rate"],
        dilation_cycle=hps["dilation_cycle"],
        m_conv=hps["m_conv"],
        res_scale=hps["res_scale"],
        reverse_decoder_dilation=hps["vqvae_reverse_decoder_dilation"],
        ema_decay=hps["l_mu"],
    )


def prior_config(name: str, hps: Hps, vqvae: VQVAEConfig) -> PriorConfig:
    """The prior or upsampler that the original builds from `hps` on top of `vqvae`.

    As in the original, a prior at the VQ-VAE's last level has no conditioner, timing labels belong
    to that level alone, and the conditioner undoes the strides of the level above.
    """
    level: int = hps["level"]
    top = level == vqvae.levels - 1
    version: Literal["v2", "v3"] = "v3" if hps["labels_v3"] else "v2"
    stack = TransformerConfig(
        width=hps["prior_width"],
        depth=hps["prior_depth"],
        heads=hps["heads"],
        attn_order=hps["attn_order"],
        blocks=hps["blocks"],
        m_attn=hps["m_attn"],
        m_mlp=hps["m_mlp"],
        res_scale=hps["res_scale"],
    )
    labels = None
    if hps["labels"]:
        genre_bins, artist_bins = hps["y_bins"]
        labels = LabelConfig(
            version=version,
            artist_bins=artist_bins,
            genre_bins=genre_bins,
            max_genres=hps["max_bow_genre_size"],
            t_bins=hps["t_bins"] if top else None,
            min_duration_seconds=hps["min_duration"] if top else None,
            max_duration_seconds=hps["max_duration"] if top else None,
        )
    lyrics = None
    if hps["use_tokens"]:
        encoder = None
        if not hps["single_enc_dec"]:
            encoder = TransformerConfig(
                width=hps["prime_width"],
                depth=hps["prime_depth"],
                heads=hps["prime_heads"],
                attn_order=hps["prime_attn_order"],
                blocks=hps["prime_blocks"],
                m_attn=hps["prime_m_attn"],
                m_mlp=hps["prime_m_mlp"],
                res_scale=hps["prime_res_scale"],
            )
        lyrics = LyricsConfig(
            version=version,
            n_tokens=hps["n_tokens"],
            vocabulary_size=hps["n_vocab"],
            loss_fraction=hps["prime_loss_fraction"],
            encoder=encoder,
            alignment_layer=hps["alignment_layer"],
            alignment_head=hps["alignment_head"],
            init_scale=hps["prime_init_scale"],
        )
    conditioner = None
    if not top:
        conditioner = ConditionerConfig(
            width=hps["cond_width"],
            depth=hps["cond_depth"],
            strides=vqvae.strides[level + 1],
            dilation_growth=hps["cond_dilation_growth_rate"],
            dilation_cycle=hps["cond_dilation_cycle"],
            res_scale=hps["cond_res_scale"],
            m_conv=hps["cond_m_conv"],
        )
    return PriorConfig(
        name=name,
        level=level,
        n_ctx=hps["n_ctx"],
        codebook_size=vqvae.codebook_size,
        hop_samples=vqvae.hop_samples(level),
        sample_rate_hz=vqvae.sample_rate_hz,
        transformer=stack,
        labels=labels,
        lyrics=lyrics,
        conditioner=conditioner,
        untied_head=hps["merged_decoder"],
        init_scale=hps["init_scale"],
    )
