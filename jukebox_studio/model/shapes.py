"""The keys and shapes of the weights that a configuration calls for. No torch.

Names are those of the published checkpoints without the `module.` prefix, which are also the names
of our modules. A file can thus be checked from its header, before any weight is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jukebox_studio.model.config import (
    BLOCK,
    LYRICS,
    PREVIOUS_BLOCK,
    PRIME,
    PriorConfig,
    TransformerConfig,
    VQVAEConfig,
)

Shape = tuple[int, ...]
Shapes = dict[str, Shape]


def vqvae_shapes(config: VQVAEConfig) -> Shapes:
    """Every key of a VQ-VAE with its shape. The codebooks' moving sums are not saved."""
    shapes: Shapes = {}
    emb = config.emb_width
    for level in range(config.levels):
        blocks = zip(config.block_strides(level), config.level_widths(level), strict=True)
        for index, (strides, widths) in enumerate(blocks):
            encoder = f"encoders.{level}.level_blocks.{index}.model"
            decoder = f"decoders.{level}.level_blocks.{index}.model"
            width_in = 1 if index == 0 else emb
            for stage, (stride, width) in enumerate(zip(strides, widths, strict=True)):
                _convolution(shapes, f"{encoder}.{stage}.0", width, width_in, 2 * stride)
                hidden = int(config.m_conv * width)
                depth = config.level_depth(level)
                _residual(shapes, f"{encoder}.{stage}.1.model", width, hidden, depth)
                # The decoder runs the stages the other way round, after its first convolution.
                mirrored = f"{decoder}.{len(strides) - stage}"
                _residual(shapes, f"{mirrored}.0.model", width, hidden, depth)
                width_out = emb if stage == 0 else widths[stage - 1]
                _transposed(shapes, f"{mirrored}.1", width, width_out, 2 * stride)
                width_in = width
            _convolution(shapes, f"{encoder}.{len(strides)}", emb, width_in, 3)
            _convolution(shapes, f"{decoder}.0", widths[-1], emb, 3)
        _convolution(shapes, f"decoders.{level}.out", 1, emb, 3)
        shapes[f"bottleneck.level_blocks.{level}.k"] = (config.codebook_size, emb)
    return shapes


def prior_shapes(config: PriorConfig) -> Shapes:
    """Every key of a prior or upsampler with its shape, both ends of a tied head included."""
    shapes: Shapes = {}
    width = config.transformer.width
    if config.conditioner:
        conditioner = config.conditioner
        root = "conditioner_blocks.0"
        shapes[f"{root}.x_emb.weight"] = (config.codebook_size, width)
        _convolution(shapes, f"{root}.cond.model.0", conditioner.width, width, 3)
        hidden = int(conditioner.m_conv * conditioner.width)
        for stage, stride in enumerate(conditioner.strides, start=1):
            blocks = f"{root}.cond.model.{stage}.0.blocks"
            _residual(shapes, blocks, conditioner.width, hidden, conditioner.depth)
            last = stage == len(conditioner.strides)
            width_out = width if last else conditioner.width
            up = f"{root}.cond.model.{stage}.1"
            _transposed(shapes, up, conditioner.width, width_out, 2 * stride)
        _norm(shapes, f"{root}.ln", width)
    if config.labels:
        labels = config.labels
        shapes["y_emb.bow_genre_emb.emb.weight"] = (labels.genre_bins, width)
        shapes["y_emb.artist_emb.emb.weight"] = (labels.artist_bins, width)
        if labels.t_bins:
            for name in ("total_length", "absolute_pos", "relative_pos"):
                shapes[f"y_emb.{name}_emb.emb.weight"] = (labels.t_bins, width)
    if config.lyrics and config.lyrics.encoder:
        lyrics, encoder = config.lyrics, config.lyrics.encoder
        shapes["prime_prior.start_token"] = (1, encoder.width)
        shapes["prime_prior.x_emb.weight"] = (lyrics.vocabulary_size, encoder.width)
        shapes["prime_prior.pos_emb.pos_emb"] = (lyrics.n_tokens, encoder.width)
        _transformer(shapes, "prime_prior.transformer", encoder)
        _linear(shapes, "prime_state_proj", encoder.width, width)
        _norm(shapes, "prime_state_ln", width)
        shapes["prime_x_out.weight"] = (lyrics.vocabulary_size, width)
    if config.lyrics and config.lyrics.plan_width:
        lyrics, plan = config.lyrics, config.lyrics.plan_width
        shapes["lyric_plan.silent"] = shapes["lyric_plan.unknown"] = (plan,)
        shapes["lyric_plan.emb.weight"] = (lyrics.vocabulary_size, plan)
        _convolution(shapes, "lyric_plan.near.0", plan, plan, 5)
        _convolution(shapes, "lyric_plan.near.2", plan, plan, 5)
        _convolution(shapes, "lyric_plan.over_codes", plan, plan + 2, 9)
        shapes["lyric_plan.out.weight"], shapes["lyric_plan.out.bias"] = (width, plan), (width,)
    if not config.labels:
        shapes["prior.start_token"] = (1, width)
    shapes["prior.x_emb.weight"] = (config.sequence_vocabulary, width)
    shapes["prior.pos_emb.pos_emb"] = (config.sequence_length, width)
    _transformer(shapes, "prior.transformer", config.transformer)
    shapes["prior.x_out.weight"] = (config.sequence_vocabulary, width)
    return shapes


def cache_values(config: PriorConfig) -> int:
    """Keys and values that sampling one variant keeps between steps, as a number of values.

    A column layer keeps the whole context, a block layer one block, a previous-block layer two, a
    lyric layer what it sees of the lyrics.
    """
    return _stack_cache(config.transformer, config.sequence_length, config)


def _stack_cache(stack: TransformerConfig, length: int, config: PriorConfig) -> int:
    state = int(stack.width * stack.m_attn)
    block = length // (stack.blocks or 1)
    lyric_tokens = config.lyrics.n_tokens if config.lyrics else 0
    # The prime kind sees the lyrics rounded up past the next whole row of blocks.
    blocks = stack.blocks or 1
    prime = min(length, (lyric_tokens // blocks + 1) * blocks)
    seen = {BLOCK: block, PREVIOUS_BLOCK: 2 * block, LYRICS: lyric_tokens, PRIME: prime}
    return sum(2 * state * seen.get(kind, length) for kind in stack.kinds)


def differences(found: Mapping[str, Sequence[int]], expected: Mapping[str, Shape]) -> list[str]:
    """What is wrong with the keys and shapes found, one clause each; empty when all is right."""
    clauses = [
        f"{key} has shape {_show(found[key])}, expected {_show(shape)}"
        for key, shape in expected.items()
        if key in found and tuple(found[key]) != shape
    ]
    clauses += [
        f"{key} is missing, expected with shape {_show(shape)}"
        for key, shape in expected.items()
        if key not in found
    ]
    clauses += [
        f"{key} of shape {_show(shape)} was not expected"
        for key, shape in found.items()
        if key not in expected
    ]
    return clauses


def _show(shape: Sequence[int]) -> str:
    return "(" + ", ".join(str(n) for n in shape) + ")"


def _transformer(shapes: Shapes, root: str, stack: TransformerConfig) -> None:
    state, hidden = int(stack.width * stack.m_attn), int(stack.width * stack.m_mlp)
    for layer, kind in enumerate(stack.kinds):
        block = f"{root}._attn_mods.{layer}"
        # A lyric layer takes only its queries from the music; keys and values are the lyrics'.
        own = state if kind == LYRICS else 3 * state
        _linear(shapes, f"{block}.attn.c_attn", stack.width, own)
        if kind == LYRICS:
            _linear(shapes, f"{block}.attn.c_enc_kv", stack.width, 2 * state)
        _linear(shapes, f"{block}.attn.c_proj", state, stack.width)
        _norm(shapes, f"{block}.ln_0", stack.width)
        _linear(shapes, f"{block}.mlp.c_fc", stack.width, hidden)
        _linear(shapes, f"{block}.mlp.c_proj", hidden, stack.width)
        _norm(shapes, f"{block}.ln_1", stack.width)


def _linear(shapes: Shapes, root: str, width_in: int, width_out: int) -> None:
    shapes[f"{root}.w"] = (width_in, width_out)
    shapes[f"{root}.b"] = (width_out,)


def _norm(shapes: Shapes, root: str, width: int) -> None:
    shapes[f"{root}.weight"] = (width,)
    shapes[f"{root}.bias"] = (width,)


def _convolution(shapes: Shapes, root: str, width_out: int, width_in: int, kernel: int) -> None:
    shapes[f"{root}.weight"] = (width_out, width_in, kernel)
    shapes[f"{root}.bias"] = (width_out,)


def _transposed(shapes: Shapes, root: str, width_in: int, width_out: int, kernel: int) -> None:
    shapes[f"{root}.weight"] = (width_in, width_out, kernel)
    shapes[f"{root}.bias"] = (width_out,)


def _residual(shapes: Shapes, root: str, width: int, hidden: int, depth: int) -> None:
    for block in range(depth):
        _convolution(shapes, f"{root}.{block}.model.1", hidden, width, 3)
        _convolution(shapes, f"{root}.{block}.model.3", width, hidden, 1)
