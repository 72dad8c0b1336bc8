"""Shapes of every model as frozen dataclasses, and the table of named ones. No torch.

Level 0 is the bottom (finest) level, as in the paper (Dhariwal et al. 2020, "Jukebox").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

AttentionKind = Literal[0, 1, 2, 3, 6, 7]
Precision = Literal["float32", "float16", "int8"]
"""What codes are sampled in. int8 reads a quarter of the weights, and rounds them; float16, for
GPUs, takes half the memory."""

DENSE, BLOCK, COLUMN, PREVIOUS_BLOCK, LYRICS, PRIME = 0, 1, 2, 3, 6, 7

_TRIPLE = (BLOCK, COLUMN, PREVIOUS_BLOCK)
_ORDERS: dict[int, tuple[int, ...]] = {
    0: (DENSE,),
    2: _TRIPLE,
    6: (*_TRIPLE, LYRICS),
    8: (*_TRIPLE * 3, LYRICS),
    9: (*_TRIPLE, DENSE),
    10: (*_TRIPLE * 3, *((*_TRIPLE * 3, LYRICS) * 7)),
}


def attention_kinds(order: int, depth: int) -> tuple[int, ...]:
    """The attention kind of each of `depth` layers under an attention order of the original.

    Orders 0, 2, 6, 8, 9, 10 repeat a fixed cycle. Order 12 is blocks, columns, previous blocks,
    with every sixteenth layer given to the lyrics ahead of the codes (kind 7) or to all (kind 0).

    Raises ValueError for an order that no published or reference model uses.
    """
    if order == 12:
        every_16th = (PRIME, PRIME, DENSE)
        return tuple(every_16th[d % 3] if d % 16 == 15 else _TRIPLE[d % 3] for d in range(depth))
    if order not in _ORDERS:
        known = ", ".join(str(o) for o in sorted({*_ORDERS, 12}))
        raise ValueError(f"Attention order {order} is not known; known orders are {known}.")
    cycle = _ORDERS[order]
    return tuple(cycle[d % len(cycle)] for d in range(depth))


@dataclass(frozen=True)
class VQVAEConfig:
    """A VQ-VAE of several separate autoencoders, one per level (paper, section 3.1).

    `strides[i]` and `widths[i]` describe the stages of level block i; the autoencoder of level l
    runs blocks 0 to l. The published shapes have one stride and one width throughout; here each
    stage may have its own, a superset. `multipliers[l]` scales width *and* residual depth of the
    whole autoencoder of level l.
    """

    name: str
    sample_rate_hz: int
    strides: tuple[tuple[int, ...], ...]
    widths: tuple[tuple[int, ...], ...]
    depth: int
    emb_width: int
    codebook_size: int
    multipliers: tuple[int, ...]
    dilation_growth: int = 3
    dilation_cycle: int | None = None
    m_conv: float = 1.0
    res_scale: bool = False
    reverse_decoder_dilation: bool = True
    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        if not len(self.strides) == len(self.widths) == len(self.multipliers):
            raise ValueError("strides, widths and multipliers need one entry per level.")
        for strides, widths in zip(self.strides, self.widths, strict=True):
            if len(strides) != len(widths) or not strides:
                raise ValueError("Each level block needs one width per stride, and at least one.")
            if any(s < 2 or s % 2 for s in strides):
                raise ValueError(f"Strides must be even, so that lengths divide: {strides}.")

    @property
    def levels(self) -> int:
        return len(self.strides)

    def hop_samples(self, level: int) -> int:
        """Audio samples per code of a level."""
        return math.prod(s for strides in self.strides[: level + 1] for s in strides)

    def block_strides(self, level: int) -> tuple[tuple[int, ...], ...]:
        return self.strides[: level + 1]

    def level_widths(self, level: int) -> tuple[tuple[int, ...], ...]:
        m = self.multipliers[level]
        return tuple(tuple(w * m for w in widths) for widths in self.widths[: level + 1])

    def level_depth(self, level: int) -> int:
        return self.depth * self.multipliers[level]

    def dilations(self, level: int) -> tuple[int, ...]:
        """Dilation of each residual block of a stage, in encoder order."""
        depth = self.level_depth(level)
        cycle = self.dilation_cycle or depth
        return tuple(self.dilation_growth ** (d % cycle) for d in range(depth))

    def encoder_receptive_samples(self, level: int) -> int:
        """How many samples one code of a level sees (91,878, 5,134 and 21,038 as published)."""
        reach, jump = 1, 1
        for strides in self.block_strides(level):
            for stride in strides:
                reach += (2 * stride - 1) * jump
                jump *= stride
                reach += 2 * sum(self.dilations(level)) * jump
            reach += 2 * jump
        return reach

    def decoder_halo_codes(self, level: int) -> int:
        """Codes on either side of a code beyond which none changes the audio of that code."""
        strides = [s for block in self.block_strides(level) for s in block]
        # From audio up to codes: the output convolution, then stage by stage the transposed
        # convolution and the residual blocks above it, each reach rounded up at the coarser rate.
        reach = 1
        stages_left = [len(block) for block in self.block_strides(level)]
        for block, count in enumerate(stages_left):
            for i in range(count):
                stride = strides[sum(stages_left[:block]) + i]
                reach = -(-reach // stride) + 1 + sum(self.dilations(level))
            reach += 1
        return reach


@dataclass(frozen=True)
class TransformerConfig:
    """A stack of factored-attention blocks (paper, appendix on sparse transformers)."""

    width: int
    depth: int
    heads: int
    attn_order: int
    blocks: int | None
    m_attn: float = 0.25
    m_mlp: float = 1.0
    res_scale: bool = False

    @property
    def kinds(self) -> tuple[int, ...]:
        return attention_kinds(self.attn_order, self.depth)


@dataclass(frozen=True)
class LabelConfig:
    """What a prior is told of a song: artist, genres and, at the top level, timing."""

    version: Literal["v2", "v3"]
    artist_bins: int
    genre_bins: int
    max_genres: int
    t_bins: int | None
    min_duration_seconds: float | None
    max_duration_seconds: float | None
    style_everywhere: bool = False
    """Whether artist and genres are added at every position. The original tells them at the first
    one alone, from where a small model hardly hears them."""


@dataclass(frozen=True)
class LyricsConfig:
    """Lyric conditioning: in the code sequence itself, or through an encoder of its own."""

    version: Literal["v2", "v3"]
    n_tokens: int
    vocabulary_size: int
    loss_fraction: float
    encoder: TransformerConfig | None
    """None: lyrics lead the codes in one sequence, in one merged vocabulary; or, where there is a
    plan, reach them through that alone."""
    alignment_layer: int | None
    alignment_head: int | None
    null_token: int | None = None
    """Fills the window where words are sung that nobody wrote down. The original has no such token:
    to it, no lyrics are all there is to say about that."""
    centred: bool = False
    """The middle of the lyric window is always what is sung in the middle of the music, padded past
    the ends of the words: a head can then find its place by counting. The original's window stops
    at the ends of the lyrics."""
    plan_width: int | None = None
    """Width of what tells each code which character is to be sung there (`prior.LyricPlan`). None
    has no such thing, like the original, which finds its place in the words by listening."""
    init_scale: float = field(default=0.7, compare=False)
    """Of the lyric encoder, when training starts from nothing."""


@dataclass(frozen=True)
class ConditionerConfig:
    """The convolutional network that brings codes of the level above to this level's rate."""

    width: int
    depth: int
    strides: tuple[int, ...]
    dilation_growth: int = 3
    dilation_cycle: int | None = 8
    res_scale: bool = False
    m_conv: float = 1.0

    @property
    def codes_per_code_above(self) -> int:
        return math.prod(self.strides)


@dataclass(frozen=True)
class PriorConfig:
    """The top prior, or the upsampler of a lower level."""

    name: str
    level: int
    n_ctx: int
    codebook_size: int
    hop_samples: int
    sample_rate_hz: int
    transformer: TransformerConfig
    labels: LabelConfig | None
    lyrics: LyricsConfig | None
    conditioner: ConditionerConfig | None
    untied_head: bool = False
    """The original's `merged_decoder`: own output weights, no conditioning after the stack."""
    init_scale: float = field(default=0.2, compare=False)

    def __post_init__(self) -> None:
        for name in ("n_ctx", "codebook_size", "hop_samples", "sample_rate_hz"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        if self.conditioner and self.n_ctx % self.conditioner.codes_per_code_above:
            raise ValueError(
                f"A window of {self.n_ctx} codes is no whole number of codes of the level above, "
                f"which span {self.conditioner.codes_per_code_above} each."
            )

    @property
    def sample_length(self) -> int:
        """Audio samples under one full window."""
        return self.n_ctx * self.hop_samples

    @property
    def merged_lyrics(self) -> LyricsConfig | None:
        """The lyrics that lead the codes, where they do."""
        lyrics = self.lyrics
        merged = lyrics is not None and lyrics.encoder is None and lyrics.plan_width is None
        return lyrics if merged else None

    @property
    def foretells_lyrics(self) -> bool:
        """Whether it learns to tell the next character, too; not where words only plan what is
        sung."""
        return bool(self.merged_lyrics or (self.lyrics and self.lyrics.encoder))

    @property
    def sequence_length(self) -> int:
        """Positions of the transformer: codes, and lyrics ahead of them where merged."""
        return self.n_ctx + (self.merged_lyrics.n_tokens if self.merged_lyrics else 0)

    @property
    def sequence_vocabulary(self) -> int:
        merged = self.merged_lyrics
        return self.codebook_size + (merged.vocabulary_size if merged else 0)


def uniform_vqvae(
    name: str,
    *,
    sample_rate_hz: int,
    downs: Sequence[int],
    strides: Sequence[int],
    width: int,
    depth: int,
    emb_width: int,
    codebook_size: int,
    multipliers: Sequence[int] | None,
    dilation_growth: int = 3,
    dilation_cycle: int | None = None,
    m_conv: float = 1.0,
    res_scale: bool = False,
    reverse_decoder_dilation: bool = True,
    ema_decay: float = 0.99,
) -> VQVAEConfig:
    """The published style: one width, `downs[l]` stages of stride `strides[l]` in block l."""
    return VQVAEConfig(
        name=name,
        sample_rate_hz=sample_rate_hz,
        strides=tuple((s,) * d for d, s in zip(downs, strides, strict=True)),
        widths=tuple((width,) * d for d in downs),
        depth=depth,
        emb_width=emb_width,
        codebook_size=codebook_size,
        multipliers=tuple(multipliers) if multipliers else (1,) * len(downs),
        dilation_growth=dilation_growth,
        dilation_cycle=dilation_cycle,
        m_conv=m_conv,
        res_scale=res_scale,
        reverse_decoder_dilation=reverse_decoder_dilation,
        ema_decay=ema_decay,
    )


PUBLISHED_VQVAE = uniform_vqvae(
    "vqvae",
    sample_rate_hz=44_100,
    downs=(3, 2, 2),
    strides=(2, 2, 2),
    width=32,
    depth=4,
    emb_width=64,
    codebook_size=2048,
    multipliers=(2, 1, 1),
)

_V2_LABELS = LabelConfig("v2", 4111, 120, 5, 128, 23.8, 600.0)


def _published_upsampler(level: int, hop_samples: int, res_scale: bool) -> PriorConfig:
    return PriorConfig(
        name=f"upsampler_level_{level}",
        level=level,
        n_ctx=8192,
        codebook_size=2048,
        hop_samples=hop_samples,
        sample_rate_hz=44_100,
        transformer=TransformerConfig(1920, 72, 1, 2, 128),
        labels=LabelConfig("v2", 4111, 120, 5, None, None, None),
        lyrics=None,
        conditioner=ConditionerConfig(1024, 16, (2, 2), res_scale=res_scale),
        init_scale=0.4,
    )


PUBLISHED_PRIORS: dict[str, PriorConfig] = {
    config.name: config
    for config in (
        _published_upsampler(0, 8, res_scale=False),
        _published_upsampler(1, 32, res_scale=True),
        PriorConfig(
            name="prior_5b",
            level=2,
            n_ctx=8192,
            codebook_size=2048,
            hop_samples=128,
            sample_rate_hz=44_100,
            transformer=TransformerConfig(4800, 72, 8, 2, 128),
            labels=LabelConfig("v2", 4111, 120, 5, 128, 60.0, 600.0),
            lyrics=None,
            conditioner=None,
            untied_head=True,
            init_scale=0.1,
        ),
        PriorConfig(
            name="prior_5b_lyrics",
            level=2,
            n_ctx=8192,
            codebook_size=2048,
            hop_samples=128,
            sample_rate_hz=44_100,
            transformer=TransformerConfig(4800, 79, 8, 10, 128),
            labels=_V2_LABELS,
            lyrics=LyricsConfig("v2", 512, 80, 0.4, TransformerConfig(1280, 18, 4, 2, 32), 68, 2),
            conditioner=None,
            untied_head=True,
            init_scale=0.1,
        ),
        PriorConfig(
            name="prior_1b_lyrics",
            level=2,
            n_ctx=6144,
            codebook_size=2048,
            hop_samples=128,
            sample_rate_hz=44_100,
            transformer=TransformerConfig(2048, 72, 2, 12, 64),
            labels=LabelConfig("v3", 7898, 604, 1, 64, 17.84, 600.0),
            lyrics=LyricsConfig("v3", 384, 79, 0.4, None, 63, 0),
            conditioner=None,
            init_scale=0.2,
        ),
    )
}

STARTER_VQVAE = VQVAEConfig(
    name="starter",
    sample_rate_hz=22_050,
    # Early large strides with more width below them hear more for the same time on a CPU than the
    # published style does.
    strides=((4, 4, 2), (4, 2)),
    widths=((48, 96, 128), (160, 192)),
    depth=4,
    emb_width=64,
    codebook_size=1024,
    multipliers=(1, 1),
)

TINY_VQVAE = VQVAEConfig(
    name="tiny",
    sample_rate_hz=22_050,
    strides=((4, 2), (4,)),
    widths=((8, 8), (8,)),
    depth=2,
    emb_width=8,
    codebook_size=32,
    multipliers=(1, 1),
)

VQVAES = {config.name: config for config in (PUBLISHED_VQVAE, STARTER_VQVAE, TINY_VQVAE)}

_OWN_LABELS = LabelConfig(
    version="v2",
    artist_bins=64,
    genre_bins=64,
    max_genres=5,
    t_bins=None,
    min_duration_seconds=None,
    max_duration_seconds=None,
    style_everywhere=True,
)


def _own_prior(
    vqvae: VQVAEConfig,
    level: int,
    n_ctx: int,
    transformer: TransformerConfig,
    conditioner_width: int | None,
    lyrics: LyricsConfig | None = None,
) -> PriorConfig:
    """A prior for one of our own VQ-VAEs; without a conditioner width, the top one."""
    labels, conditioner = _OWN_LABELS, None
    hop = vqvae.hop_samples(level)
    if conditioner_width is None:
        labels = replace(
            labels,
            t_bins=64,
            min_duration_seconds=n_ctx * hop / vqvae.sample_rate_hz,
            max_duration_seconds=600.0,
        )
    else:
        conditioner = ConditionerConfig(conditioner_width, 4, vqvae.strides[level + 1])
    return PriorConfig(
        name=f"{vqvae.name}_level_{level}",
        level=level,
        n_ctx=n_ctx,
        codebook_size=vqvae.codebook_size,
        hop_samples=hop,
        sample_rate_hz=vqvae.sample_rate_hz,
        transformer=transformer,
        labels=labels,
        lyrics=lyrics,
        conditioner=conditioner,
        init_scale=0.7,
    )


def _own_lyrics(
    n_tokens: int, encoder: TransformerConfig | None, alignment_layer: int | None, plan_width: int
) -> LyricsConfig:
    """Lyrics in the v2 vocabulary, with one token more for words that are not known."""
    return LyricsConfig(
        "v2",
        n_tokens,
        81,
        0.1,
        encoder,
        alignment_layer,
        None if alignment_layer is None else 0,
        null_token=80,
        centred=True,
        plan_width=plan_width,
    )


PRIORS = {
    **PUBLISHED_PRIORS,
    **{
        config.name: config
        for config in (
            _own_prior(
                STARTER_VQVAE,
                1,
                1024,
                TransformerConfig(320, 12, 4, 6, 32),
                None,
                _own_lyrics(160, TransformerConfig(128, 4, 4, 2, 16), 7, plan_width=96),
            ),
            _own_prior(
                STARTER_VQVAE,
                0,
                1024,
                TransformerConfig(192, 9, 4, 2, 32),
                96,
                _own_lyrics(64, None, None, plan_width=64),
            ),
            _own_prior(
                TINY_VQVAE,
                1,
                64,
                TransformerConfig(32, 4, 2, 6, 8),
                None,
                _own_lyrics(16, TransformerConfig(16, 3, 2, 2, 4), 3, plan_width=8),
            ),
            _own_prior(
                TINY_VQVAE,
                0,
                64,
                TransformerConfig(32, 3, 2, 2, 8),
                8,
                _own_lyrics(8, None, None, plan_width=8),
            ),
        )
    },
}
