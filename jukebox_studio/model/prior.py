"""Priors and upsamplers: an autoregressive transformer over one level's codes (paper, section 4).

Module names are the keys of the published checkpoints (after stripping `module.`), in their order.

Letters in the comments: B batch, T codes of a window, N lyric tokens, W width, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jukebox_studio.model.config import (
    ConditionerConfig,
    LabelConfig,
    LyricsConfig,
    PriorConfig,
    TransformerConfig,
)
from jukebox_studio.model.labels import UNKNOWN_LENGTH, timing_bins
from jukebox_studio.model.transformer import Conv1D, LayerNorm, Transformer
from jukebox_studio.model.vqvae import (
    Conv,
    ConvUp,
    ResidualBlock,
    lies_better,
    side_by_side,
)


@dataclass(frozen=True)
class Labels:
    """The label vectors of a batch, taken apart. int64."""

    total_length: Tensor
    """Tensor[B, 1], samples"""
    offset: Tensor
    """Tensor[B, 1], samples"""
    sample_length: Tensor
    """Tensor[B, 1], samples"""
    artist: Tensor
    """Tensor[B, 1]"""
    genres: Tensor
    """Tensor[B, max_genres], -1 where unused"""
    lyric_tokens: Tensor
    """Tensor[B, N], N = 0 for models without lyrics"""


@dataclass(frozen=True)
class Conditioning:
    """What a window is conditioned on besides its codes and lyrics."""

    x_cond: Tensor | None
    """Tensor[B, T, W], added where the code is predicted; None is zeros"""
    y_cond: Tensor | None
    """Tensor[B, 1, W], stands at the first position; None where a start token is learned"""


@dataclass(frozen=True)
class PriorLoss:
    """Bits per token. `total` is what training minimises."""

    total: Tensor
    codes: Tensor
    lyrics: Tensor


class PositionEmbedding(nn.Module):
    def __init__(self, positions: int, width: int, init_scale: float) -> None:
        super().__init__()
        self.pos_emb = nn.Parameter(torch.empty(positions, width))
        nn.init.normal_(self.pos_emb, std=0.01 * init_scale)


class Autoregressive(nn.Module):
    """Embedding, shift by one, stack, head.

    head: "tied" shares the embedding's weight, and adds the conditioning again after the stack;
    "own" does neither; None returns the stack's output (the lyric encoder).
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        positions: int,
        vocabulary: int,
        start_token: bool,
        head: Literal["tied", "own"] | None,
        lyric_positions: int,
        init_scale: float,
    ) -> None:
        super().__init__()
        width = config.width
        self.start_token: nn.Parameter | None = None
        if start_token:
            self.start_token = nn.Parameter(torch.empty(1, width))
            nn.init.normal_(self.start_token, std=0.01 * init_scale)
        self.x_emb = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.x_emb.weight, std=0.02 * init_scale)
        self.pos_emb = PositionEmbedding(positions, width, init_scale)
        self.transformer = Transformer(
            config, positions, lyric_positions=lyric_positions, init_scale=init_scale
        )
        self.conditions_output = head == "tied"
        if head is not None:
            self.x_out = nn.Linear(width, vocabulary, bias=False)
            nn.init.normal_(self.x_out.weight, std=0.02 * init_scale)
        if head == "tied":
            self.x_out.weight = self.x_emb.weight

    def embed(self, ids: Tensor, x_cond: Tensor | None, y_cond: Tensor | None) -> Tensor:
        """Input of the stack: the embedding of the token *before* each position, and the rest.

        ids: Tensor[B, T], x_cond: Tensor[B, T, W] | None, y_cond: Tensor[B, 1, W] | None
        -> Tensor[B, T, W]
        """
        # Tokens are shifted by one, conditioning is not: x_cond[t] belongs to the token predicted
        # at t, not to the one fed in.
        first = self.first(len(ids), y_cond)
        x = torch.cat([first, self.x_emb(ids[:, :-1])], dim=1)
        x = x + self.pos_emb.pos_emb[: ids.shape[1]]
        return x if x_cond is None else x + x_cond

    def first(self, batch: int, y_cond: Tensor | None) -> Tensor:
        """What is fed in before any token: Tensor[B, 1, W]."""
        if self.start_token is not None:
            return self.start_token.expand(batch, 1, -1)
        if y_cond is None:
            raise ValueError("This model is conditioned on labels, but none were given.")
        return y_cond

    def logits(self, h: Tensor, x_cond: Tensor | None) -> Tensor:
        """Tensor[B, T, W] -> Tensor[B, T, V]."""
        if self.conditions_output and x_cond is not None:
            h = h + x_cond
        return self.x_out(h)

    def forward(
        self,
        ids: Tensor,
        x_cond: Tensor | None = None,
        y_cond: Tensor | None = None,
        encoder_kv: Tensor | None = None,
    ) -> Tensor:
        """Tensor[B, T] -> logits Tensor[B, T, V]."""
        h = self.transformer(self.embed(ids, x_cond, y_cond), encoder_kv)
        return self.logits(h, x_cond)


class Table(nn.Module):
    """An embedding under the key `emb.weight`, as the checkpoints have it."""

    def __init__(self, bins: int, width: int, init_scale: float) -> None:
        super().__init__()
        self.emb = nn.Embedding(bins, width)
        nn.init.normal_(self.emb.weight, std=0.01 * init_scale)

    def forward(self, index: Tensor) -> Tensor:
        """int64 Tensor[B, K] -> Tensor[B, K, W]."""
        return self.emb(index)


class LabelConditioner(nn.Module):
    """Artist and bag of genres as one vector; at the top level also the place in time."""

    def __init__(self, config: LabelConfig, prior: PriorConfig) -> None:
        super().__init__()
        width, scale = prior.transformer.width, prior.init_scale
        self.bow_genre_emb = Table(config.genre_bins, width, scale)
        self.artist_emb = Table(config.artist_bins, width, scale)
        self.config = config
        self.n_ctx = prior.n_ctx
        self.sample_rate_hz = prior.sample_rate_hz
        if config.t_bins is not None:
            self.total_length_emb = Table(config.t_bins, width, scale)
            self.absolute_pos_emb = Table(config.t_bins, width, scale)
            self.relative_pos_emb = Table(config.t_bins, width, scale)

    def style(self, artist: Tensor, genres: Tensor) -> Tensor:
        """Tensor[B, 1], Tensor[B, G] padded with -1 -> Tensor[B, 1, W]: genre sum plus artist."""
        present = (genres >= 0).unsqueeze(2)
        genre = (self.bow_genre_emb(genres.clamp(min=0)) * present).sum(dim=1, keepdim=True)
        return genre + self.artist_emb(artist)

    def timing(self, labels: Labels) -> Tensor | None:
        """Tensor[B, T, W], zeros for a song of UNKNOWN_LENGTH; None below the top level."""
        if self.config.t_bins is None:
            return None
        # On the processor in numpy, whatever the model's device: a bin may hang on a last bit.
        y = torch.cat([labels.total_length, labels.offset, labels.sample_length], dim=1)
        known = labels.total_length != UNKNOWN_LENGTH
        if not bool(known.all()):
            # Any song that the bins are made for stands in where nothing will be added.
            shortest, longest = self.config.min_duration_seconds, self.config.max_duration_seconds
            assert shortest is not None
            assert longest is not None
            song = [int((shortest + longest) / 2 * self.sample_rate_hz), 0, 0]
            y = torch.where(known, y, y.new_tensor(song))
        bins = timing_bins(y.cpu().numpy(), self.config, self.n_ctx, self.sample_rate_hz)
        total, absolute, relative = (torch.from_numpy(b).to(y.device) for b in bins)
        where = self.total_length_emb(total) + self.absolute_pos_emb(absolute)
        where = where + self.relative_pos_emb(relative)
        return torch.where(known.unsqueeze(2), where, 0.0)


class DilatedStack(nn.Module):
    """Residual blocks with dilation growth^(d % cycle), *not* reversed as in the VQ-VAE decoder."""

    def __init__(self, config: ConditionerConfig) -> None:
        super().__init__()
        cycle = config.dilation_cycle or config.depth
        scale = 1.0 / math.sqrt(config.depth) if config.res_scale else 1.0
        state = int(config.m_conv * config.width)
        self.blocks = nn.ModuleList(
            ResidualBlock(config.width, state, config.dilation_growth ** (d % cycle), scale)
            for d in range(config.depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tensor[B, W, T] -> Tensor[B, W, T]."""
        for block in self.blocks:
            x = block(x)
        return x


class UpsamplingNet(nn.Module):
    """From the embedded codes above to this level's rate: one stage per stride."""

    def __init__(self, config: ConditionerConfig, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [Conv(width, config.width, 3, padding=1)]
        for i, stride in enumerate(config.strides):
            out = width if i == len(config.strides) - 1 else config.width
            up = ConvUp(config.width, out, 2 * stride, stride, padding=stride // 2)
            layers.append(nn.Sequential(DilatedStack(config), up))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Tensor[B, W, T above] -> Tensor[B, W, T]."""
        return self.model(side_by_side(x)).squeeze(2) if lies_better(x) else self.model(x)


_CONVOLVED_ROWS = 4
"""Convolutions of one row, and of sixteen and more, round differently from those between (measured
on float32, CPU), so they are done in equal batches."""


class Conditioner(nn.Module):
    """Codes of the level above as conditioning of each position (paper, section 4.2)."""

    def __init__(
        self, config: ConditionerConfig, width: int, vocabulary: int, init_scale: float
    ) -> None:
        super().__init__()
        self.x_emb = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.x_emb.weight, std=0.02 * init_scale)
        self.cond = UpsamplingNet(config, width)
        self.ln = LayerNorm(width)

    def forward(self, codes_above: Tensor) -> Tensor:
        """Tensor[B, T above] -> Tensor[B, T, W].

        Without gradients, a row is the same to the bit in whatever batch, and equal rows (those of
        guidance, say) are computed once.
        """
        if torch.is_grad_enabled():
            return self._spread(codes_above)
        rows, which = codes_above.unique(dim=0, return_inverse=True)
        missing = -len(rows) % _CONVOLVED_ROWS
        rows = torch.cat([rows, rows[-1:].expand(missing, -1)])
        return torch.cat([self._spread(part) for part in rows.split(_CONVOLVED_ROWS)])[which]

    def _spread(self, codes_above: Tensor) -> Tensor:
        # [B, T above, W] -> [B, W, T above] -> [B, W, T] -> [B, T, W]
        return self.ln(self.cond(self.x_emb(codes_above).transpose(1, 2)).transpose(1, 2))


PLAN_STD = 0.3
"""Of the characters of a new `LyricPlan`."""


class LyricPlan(nn.Module):
    """What is to be sung at each code, where that has been planned. Not in the paper.

    The original finds its place in the words by listening to what it has sung so far, which takes
    recognition of speech. Whoever lays words over music knows that place: so each code is told the
    character that is sung there with its neighbours, and how far into it the code is.
    """

    def __init__(self, vocabulary: int, width: int, width_out: int) -> None:
        super().__init__()
        self.silent = nn.Parameter(torch.randn(width) * PLAN_STD)
        self.unknown = nn.Parameter(torch.zeros(width))
        self.emb = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.emb.weight, std=PLAN_STD)
        self.near = nn.Sequential(
            nn.Conv1d(width, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=2),
        )
        self.over_codes = nn.Conv1d(width + 2, width, 9, padding=4)
        self.out = nn.Linear(width, width_out)
        # So that it says nothing at first, also in a model that has long learned without it
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        """int64 Tensor[B, N], float Tensor[B, T] as of `labels.sung_places` -> Tensor[B, T, W].

        Without gradients, a row is the same to the bit in whatever batch: convolutions of several
        rows round differently. Rows that are told the same, as variants are, are computed once.
        """
        if torch.is_grad_enabled():
            return self._spread(tokens, places)
        # NaN is like nothing, not even itself.
        told = torch.cat([tokens.double(), places.double().nan_to_num(nan=-2e9, neginf=-1e9)], 1)
        which = told.unique(dim=0, return_inverse=True)[1]
        first = [int((which == i).nonzero()[0, 0]) for i in range(int(which.max()) + 1)]
        rows = (self._spread(tokens[i : i + 1], places[i : i + 1]) for i in first)
        return torch.cat(list(rows))[which]

    def _spread(self, tokens: Tensor, places: Tensor) -> Tensor:
        x = self.emb(tokens).transpose(1, 2)
        # [B, P, N] -> [B, N, P]
        characters = (x + self.near(x)).transpose(1, 2)
        sung = places.isfinite().unsqueeze(2)
        place = torch.where(sung, places.unsqueeze(2), 0.0)
        before, last = place.floor(), tokens.shape[1] - 1

        def at(index: Tensor) -> Tensor:
            index = index.long().clamp(0, last).expand(-1, -1, characters.shape[2])
            return characters.gather(1, index)

        # [B, T, P], in a straight line from the middle of one character to that of the next
        share = place - before
        heard = at(before) * (1 - share) + at(before + 1) * share
        resting = torch.where(places.isnan().unsqueeze(2), self.unknown, self.silent)
        heard = torch.where(sung, heard, resting)
        turn = 2 * math.pi * place
        phase = torch.cat([turn.cos(), turn.sin()], dim=2) * sung
        # Places are float32 up to here: of float16 the last letters of a long text would be one.
        told = torch.cat([heard, phase], dim=2).transpose(1, 2).to(self.out.weight.dtype)
        # Leaky, as all of a new plan's units can be pushed to where others have no slope: nothing
        # is said at first, so that what they learn first is a shift of every position alike.
        return self.out(F.leaky_relu(self.over_codes(told), 0.1).transpose(1, 2))


class Prior(nn.Module):
    """The top prior, or the upsampler of a lower level, with everything it is conditioned on.

    `y` is the whole label vector, Tensor[B, len_y]: total length, offset, sample length (samples),
    artist, genres padded with -1, lyric tokens. Lyric tokens given apart take precedence over those
    in `y`. A forward pass takes one whole window of `config.n_ctx` codes.
    """

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        stack, lyrics = config.transformer, config.lyrics
        width = stack.width
        if config.conditioner is not None:
            # A list of one, because the checkpoints name it so
            self.conditioner_blocks = nn.ModuleList(
                [Conditioner(config.conditioner, width, config.codebook_size, config.init_scale)]
            )
        if config.labels is not None:
            self.y_emb = LabelConditioner(config.labels, config)
        if lyrics is not None and lyrics.encoder is not None:
            self._add_lyric_encoder(lyrics, lyrics.encoder)
        if lyrics is not None and lyrics.plan_width is not None:
            self.lyric_plan = LyricPlan(lyrics.vocabulary_size, lyrics.plan_width, width)
        self.prior = Autoregressive(
            stack,
            positions=config.sequence_length,
            vocabulary=config.sequence_vocabulary,
            start_token=config.labels is None,
            head="own" if config.untied_head else "tied",
            lyric_positions=config.merged_lyrics.n_tokens if config.merged_lyrics else 0,
            init_scale=config.init_scale,
        )

    def _add_lyric_encoder(self, lyrics: LyricsConfig, encoder: TransformerConfig) -> None:
        width = self.config.transformer.width
        self.prime_prior = Autoregressive(
            encoder,
            positions=lyrics.n_tokens,
            vocabulary=lyrics.vocabulary_size,
            start_token=True,
            head=None,
            lyric_positions=0,
            init_scale=lyrics.init_scale,
        )
        self.prime_state_proj = Conv1D(encoder.width, width, lyrics.init_scale)
        self.prime_state_ln = LayerNorm(width)
        self.prime_x_out = nn.Linear(width, lyrics.vocabulary_size, bias=False)
        nn.init.normal_(self.prime_x_out.weight, std=0.02 * lyrics.init_scale)

    def split_labels(self, y: Tensor) -> Labels:
        """The parts of Tensor[B, len_y]; ValueError where the length or a number does not fit."""
        config = self.config.labels
        if config is None:
            raise ValueError(f"{self.config.name} has no labels.")
        n_tokens = self.config.lyrics.n_tokens if self.config.lyrics else 0
        expected = 4 + config.max_genres + n_tokens
        if y.dim() != 2 or y.shape[1] != expected:
            raise ValueError(f"Labels of {expected} numbers expected, got {tuple(y.shape)}.")
        genres = y[:, 4 : 4 + config.max_genres]
        if bool(((y[:, 3] < 0) | (y[:, 3] >= config.artist_bins)).any()):
            artists = y[:, 3].tolist()
            raise ValueError(f"Artists 0 to {config.artist_bins - 1} expected, got {artists}.")
        if bool(((genres < -1) | (genres >= config.genre_bins)).any()):
            raise ValueError(
                f"Genres -1 to {config.genre_bins - 1} expected, got {genres.tolist()}."
            )
        tokens = y[:, 4 + config.max_genres :]
        return Labels(y[:, 0:1], y[:, 1:2], y[:, 2:3], y[:, 3:4], genres, tokens)

    def conditioning(
        self,
        y: Tensor | None,
        codes_above: Tensor | None,
        style: Tensor | None = None,
        lyric_tokens: Tensor | None = None,
        plan: Tensor | None = None,
    ) -> Conditioning:
        """The conditioning of a window.

        y: Tensor[B, len_y] | None, codes_above: Tensor[B, n_ctx / ratio] | None.
        style: Tensor[B, 1, W] in place of the labels' own artist and genre embedding.
        plan: float Tensor[B, n_ctx], what is to be sung at each code as `labels.sung_places` has
        it; None where nobody knows. Models without a plan leave it aside.
        """
        x_cond, y_cond = None, None
        if self.config.labels is not None:
            if y is None:
                raise ValueError(f"{self.config.name} needs labels.")
            labels = self.split_labels(y)
            x_cond = self.y_emb.timing(labels)
            y_cond = self.y_emb.style(labels.artist, labels.genres) if style is None else style
        if self.config.conditioner is not None:
            expected = self.config.n_ctx // self.config.conditioner.codes_per_code_above
            if codes_above is None or codes_above.shape[1] != expected:
                raise ValueError(f"{self.config.name} needs {expected} codes of the level above.")
            x_cond = self.conditioner_blocks[0](codes_above)
        if self.config.labels is not None and self.config.labels.style_everywhere:
            assert y_cond is not None
            everywhere = y_cond.expand(-1, self.config.n_ctx, -1)
            if x_cond is None:
                x_cond = everywhere
            elif torch.is_grad_enabled():
                x_cond = x_cond + everywhere
            else:  # in place: it is as large as all that a window is told
                x_cond += everywhere
        if self.config.lyrics is not None and self.config.lyrics.plan_width is not None:
            tokens = self.lyric_tokens(y, lyric_tokens)
            assert tokens is not None
            if plan is None:
                plan = torch.full((len(tokens), self.config.n_ctx), math.nan, device=tokens.device)
            sung = self.lyric_plan(tokens, plan)
            if x_cond is None or torch.is_grad_enabled():
                x_cond = sung if x_cond is None else x_cond + sung
            else:  # in place too, and the other way round: the style alone is one row for all
                x_cond = sung.add_(x_cond)
        return Conditioning(x_cond, y_cond)

    def encode_lyrics(self, lyric_tokens: Tensor) -> Tensor:
        """Tensor[B, N] -> Tensor[B, N, W]; only for models with a lyric encoder of their own."""
        encoder = self.prime_prior
        h = encoder.transformer(encoder.embed(lyric_tokens, None, None))
        return self.prime_state_ln(self.prime_state_proj(h))

    def encoder_kv(self, lyric_tokens: Tensor | None) -> Tensor | None:
        """`encode_lyrics` where there is an encoder: Tensor[B, N, W]; else None."""
        if self.config.lyrics is None or self.config.lyrics.encoder is None:
            return None
        assert lyric_tokens is not None
        return self.encode_lyrics(lyric_tokens)

    def lyric_tokens(self, y: Tensor | None, lyric_tokens: Tensor | None) -> Tensor | None:
        """Tensor[B, N], given or out of the labels; None for models without lyrics."""
        if self.config.lyrics is None:
            return None
        if lyric_tokens is not None:
            return lyric_tokens
        if y is None:
            raise ValueError(f"{self.config.name} needs lyrics.")
        return self.split_labels(y).lyric_tokens

    def sequence(self, codes: Tensor, lyric_tokens: Tensor | None) -> Tensor:
        """Ids of the transformer: Tensor[B, T] -> Tensor[B, (N +) T].

        Where lyrics share the sequence they come first, and codes follow in the vocabulary.
        """
        merged = self.config.merged_lyrics
        if merged is None:
            return codes
        assert lyric_tokens is not None
        return torch.cat([lyric_tokens, codes + merged.vocabulary_size], dim=1)

    def sequence_conditioning(self, conditioning: Conditioning) -> Tensor | None:
        """x_cond for all positions, Tensor[B, (N +) T, W]: zeros over merged lyrics."""
        x_cond, merged = conditioning.x_cond, self.config.merged_lyrics
        if x_cond is None or merged is None:
            return x_cond
        return F.pad(x_cond, (0, 0, merged.n_tokens, 0))

    def forward(
        self,
        codes: Tensor,
        y: Tensor | None = None,
        codes_above: Tensor | None = None,
        lyric_tokens: Tensor | None = None,
        style: Tensor | None = None,
        plan: Tensor | None = None,
    ) -> Tensor:
        """Tensor[B, n_ctx] -> logits Tensor[B, (N +) n_ctx, V] over the whole vocabulary."""
        tokens = self.lyric_tokens(y, lyric_tokens)
        conditioning = self.conditioning(y, codes_above, style, tokens, plan)
        return self._logits(codes, conditioning, tokens, self.encoder_kv(tokens))

    def _logits(
        self,
        codes: Tensor,
        conditioning: Conditioning,
        lyric_tokens: Tensor | None,
        encoder_kv: Tensor | None,
    ) -> Tensor:
        if codes.shape[1] != self.config.n_ctx:
            raise ValueError(
                f"A window of {self.config.n_ctx} codes expected, got {codes.shape[1]}."
            )
        ids = self.sequence(codes, lyric_tokens)
        x_cond = self.sequence_conditioning(conditioning)
        return self.prior(ids, x_cond, conditioning.y_cond, encoder_kv)

    def loss(
        self,
        codes: Tensor,
        y: Tensor | None = None,
        codes_above: Tensor | None = None,
        lyric_tokens: Tensor | None = None,
        shown: Tensor | None = None,
        plan: Tensor | None = None,
    ) -> PriorLoss:
        """Cross-entropies in bits per token of one batch of windows, differentiable.

        shown: Tensor[B, n_ctx], what stands before each code where that is not `codes` itself.

        total = (fraction x lyrics x N + codes x T) / (N + T): lyrics are learned too, at a weight.
        """
        lyrics, length = self.config.lyrics, codes.shape[1]
        tokens = self.lyric_tokens(y, lyric_tokens)
        encoder_kv = self.encoder_kv(tokens)
        before = codes if shown is None else shown
        conditioning = self.conditioning(y, codes_above, lyric_tokens=tokens, plan=plan)
        logits = self._logits(before, conditioning, tokens, encoder_kv)
        ids = self.sequence(codes, tokens)
        code_bits = _bits(logits[:, -length:], ids[:, -length:])
        if lyrics is None or tokens is None or not self.config.foretells_lyrics:
            return PriorLoss(code_bits, code_bits, torch.zeros_like(code_bits))
        n = lyrics.n_tokens
        lyric_logits = logits[:, :n] if encoder_kv is None else self.prime_x_out(encoder_kv)
        lyric_bits = _bits(lyric_logits, tokens)
        total = (lyrics.loss_fraction * lyric_bits * n + code_bits * length) / (n + length)
        return PriorLoss(total, code_bits, lyric_bits)

    @torch.no_grad()
    def attention_weights(
        self,
        codes: Tensor,
        y: Tensor | None = None,
        codes_above: Tensor | None = None,
        lyric_tokens: Tensor | None = None,
        *,
        layers: Collection[int],
    ) -> dict[int, Tensor]:
        """How much each code looks at each lyric token: {layer: Tensor[B, heads, n_ctx, N]}.

        The layers must be ones that look at lyrics (kinds LYRICS and PRIME). Used for lyric
        alignment (paper, section 5.3). Raises ValueError for other layers.
        """
        tokens = self.lyric_tokens(y, lyric_tokens)
        if tokens is None:
            raise ValueError(f"{self.config.name} knows no lyrics.")
        # Without a plan, which would only be repeated: what is asked is what was sung.
        conditioning = self.conditioning(y, codes_above, lyric_tokens=tokens)
        x = self.prior.embed(
            self.sequence(codes, tokens),
            self.sequence_conditioning(conditioning),
            conditioning.y_cond,
        )
        return self.prior.transformer.attention_weights(x, self.encoder_kv(tokens), layers)


def _bits(logits: Tensor, ids: Tensor) -> Tensor:
    """Mean cross-entropy of Tensor[B, T, V] against Tensor[B, T], in bits."""
    return F.cross_entropy(logits.float().flatten(0, 1), ids.flatten()) / math.log(2)
