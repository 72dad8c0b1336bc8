"""The VQ-VAE: one separate autoencoder per level (paper, sections 3 and 3.1, appendix B.1).

Module names follow the keys of the published checkpoints, so these load without renaming.
Tensors inside are [B, channels, T]; audio at the door is [B, T, 1] in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jukebox_studio.model.config import VQVAEConfig

_DISTANCE_ROWS = 4096
"""Vectors compared with the codebook at a time: ten minutes in one pass would want 27 GB."""


MOST_KEPT_PIECES = 16
Pieces = dict[tuple[int, tuple[int, int], bytes], Tensor]
"""Decoded audio by level, how many codes lie beside those that are heard, and codes"""


class Conv(nn.Conv1d):
    """Takes Tensor[B, C, T], or Tensor[B, C, 1, T] as `side_by_side` lays it out."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 3:
            return super().forward(x)
        # With one thread torch takes a slow path for kernels of one, unless they are dilated.
        dilation = self.dilation[0] if self.kernel_size[0] > 1 else 2
        weight, bias = _as_wide(x, self)
        x = x.contiguous(memory_format=torch.channels_last)
        padding = (0, int(self.padding[0]))
        return F.conv2d(x, weight, bias, (1, self.stride[0]), padding, (1, dilation))


class ConvUp(nn.ConvTranspose1d):
    """The same transposed; of its settings those that `_up` makes."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if x.dim() == 3:
            return super().forward(x, output_size)
        weight, bias = _as_wide(x, self)
        padding = (0, int(self.padding[0]))
        return F.conv_transpose2d(x, weight, bias, (1, self.stride[0]), padding)


def _as_wide(x: Tensor, conv: nn.Conv1d | nn.ConvTranspose1d) -> tuple[Tensor, Tensor | None]:
    """The weights of a convolution over Tensor[B, C, 1, T], in its precision."""
    bias = None if conv.bias is None else conv.bias.to(x.dtype)
    return conv.weight.to(x.dtype).unsqueeze(2), bias


def side_by_side(x: Tensor) -> Tensor:
    """Tensor[B, C, T] -> Tensor[B, C, 1, T] whose channels lie side by side in memory.

    Convolutions then run two to three times as fast on a processor, with gradients too.
    """
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


def lies_better(x: Tensor) -> bool:
    return x.device.type == "cpu"


def has_quick_bfloat16() -> bool:
    """Whether the processor multiplies in it, which without is many times slower than float32."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


class ResidualBlock(nn.Module):
    """x + scale * conv1(relu(conv3_dilated(relu(x)))). Tensor[B, width, T] -> the same shape."""

    def __init__(self, width: int, hidden: int, dilation: int, scale: float) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.ReLU(),
            Conv(width, hidden, 3, 1, dilation, dilation),
            nn.ReLU(),
            Conv(hidden, width, 1),
        )
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4:  # what is written over, no gradient asks for
            _, dilated, _, narrow = self.model
            added: Tensor = narrow(dilated(x.relu()).relu_())
            return added.add_(x) if self.scale == 1.0 else added.mul_(self.scale).add_(x)
        out: Tensor = self.model(x)
        return x + out if self.scale == 1.0 else x + self.scale * out


class ResidualStack(nn.Module):
    """Residual blocks of growing dilation; Tensor[B, width, T] -> the same shape."""

    def __init__(
        self, width: int, dilations: Sequence[int], m_conv: float = 1.0, res_scale: bool = False
    ) -> None:
        super().__init__()
        scale = 1.0 / math.sqrt(len(dilations)) if res_scale else 1.0
        hidden = int(m_conv * width)
        self.model = nn.Sequential(*(ResidualBlock(width, hidden, d, scale) for d in dilations))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


Layer = Conv | ConvUp | ResidualBlock


def layers_of(module: nn.Module) -> Iterator[Layer]:
    """What a part of an encoder or decoder does, in its order."""
    for part in module.children():
        if isinstance(part, Layer):
            yield part
        else:
            yield from layers_of(part)


def _down(width_in: int, width_out: int, stride: int) -> Conv:
    return Conv(width_in, width_out, 2 * stride, stride, stride // 2)


def _up(width_in: int, width_out: int, stride: int) -> ConvUp:
    return ConvUp(width_in, width_out, 2 * stride, stride, stride // 2)


class _EncoderBlock(nn.Module):
    def __init__(
        self, config: VQVAEConfig, level: int, strides: Sequence[int], widths: Sequence[int], n: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stride, width in zip(strides, widths, strict=True):
            stack = ResidualStack(width, config.dilations(level), config.m_conv, config.res_scale)
            layers.append(nn.Sequential(_down(n, width, stride), stack))
            n = width
        layers.append(Conv(n, config.emb_width, 3, 1, 1))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


class _DecoderBlock(nn.Module):
    def __init__(
        self, config: VQVAEConfig, level: int, strides: Sequence[int], widths: Sequence[int]
    ) -> None:
        super().__init__()
        # The published decoders run the large dilations first, the encoders the small ones.
        dilations = config.dilations(level)
        if config.reverse_decoder_dilation:
            dilations = dilations[::-1]
        layers: list[nn.Module] = [Conv(config.emb_width, widths[-1], 3, 1, 1)]
        widths_out = [config.emb_width, *widths[:-1]]
        for stride, width, width_out in reversed(
            list(zip(strides, widths, widths_out, strict=True))
        ):
            stack = ResidualStack(width, dilations, config.m_conv, config.res_scale)
            layers.append(nn.Sequential(stack, _up(width, width_out, stride)))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


class Encoder(nn.Module):
    """Tensor[B, 1, T] -> Tensor[B, emb, T / hop] for one level."""

    def __init__(self, config: VQVAEConfig, level: int) -> None:
        super().__init__()
        blocks = zip(config.block_strides(level), config.level_widths(level), strict=True)
        self.level_blocks = nn.ModuleList(
            _EncoderBlock(config, level, strides, widths, 1 if i == 0 else config.emb_width)
            for i, (strides, widths) in enumerate(blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        if not lies_better(x):
            for block in self.level_blocks:
                x = block(x)
            return x
        x = side_by_side(x)
        for block in self.level_blocks:
            x = block(x)
        return x.squeeze(2)


class Decoder(nn.Module):
    """Tensor[B, emb, T / hop] -> Tensor[B, 1, T] for one level."""

    def __init__(self, config: VQVAEConfig, level: int) -> None:
        super().__init__()
        blocks = zip(config.block_strides(level), config.level_widths(level), strict=True)
        self.level_blocks = nn.ModuleList(
            _DecoderBlock(config, level, strides, widths) for strides, widths in blocks
        )
        self.out = Conv(config.emb_width, 1, 3, 1, 1)

    def forward(self, x: Tensor, beside: tuple[int, int] = (0, 0)) -> Tensor:
        """beside: of how many codes at either end the audio is not returned: they are there for
        that of the others."""
        layers = [layer for block in reversed(self.level_blocks) for layer in layers_of(block)]
        cuts, ends = _cuts(layers, beside)
        if not lies_better(x):
            for layer, cut in zip(layers, cuts, strict=True):
                x = layer(_without(x, *cut))
            return _without(self.out(x), *ends)
        if (sound := self._native(x)) is not None:
            return sound.decoded(self, layers, (*cuts, ends), x)
        x = side_by_side(x)
        *layers, up = layers
        *cuts, last_cut = cuts
        for layer, cut in zip(layers, cuts, strict=True):
            x = layer(_without(x, *cut))
        x = _without(x, *last_cut)
        assert isinstance(up, ConvUp)
        kernel, bias = self.last_kernel(up)
        kernel, bias = kernel.to(x.dtype).unsqueeze(2), bias.to(x.dtype)
        padding = up.stride[0] // 2 + 1
        heard = F.conv_transpose2d(x, kernel, bias, (1, up.stride[0]), (0, padding))
        return _without(self.with_ends(heard.squeeze(2), x, up), *ends)

    def _native(self, x: Tensor) -> ModuleType | None:
        """What decodes by compiled functions, where these can: one thread, nothing to learn."""
        if torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
            return None
        # Not above: it compiles, and knows of this module.
        from jukebox_studio.sampling.weights import is_native

        # Of the weights too: they are read where they lie, as what they are taken for.
        each = {(t.device, t.dtype) for t in (x, *self.parameters())}
        if torch.get_num_threads() > 1 or not all(is_native(*of, "float32") for of in each):
            return None
        from jukebox_studio.sampling import native_sound

        return native_sound if native_sound.can_decode(self) else None

    def last_kernel(self, up: ConvUp) -> tuple[Tensor, Tensor]:
        """`out` after `up` as one transposed convolution: Tensor[width, 1, K + 2] and its bias.

        Nothing lies between the two, and it spares the largest tensor of all. It has to be padded
        by one more than `up`. Only the first and the last sample know that sound has ends.
        """
        assert up.bias is not None
        assert self.out.bias is not None
        # [C in, C, K] * [1, C, 3] -> [C in, 1, K + 2]
        kernel = F.conv1d(up.weight, self.out.weight, padding=2)
        return kernel, self.out.bias + (self.out.weight[0].sum(1) * up.bias).sum()

    def with_ends(self, heard: Tensor, x: Tensor, up: ConvUp) -> Tensor:
        """Tensor[B, 1, T] with its first and last sample right, Tensor[B, width, 1, T / stride]."""
        ends = min(2, x.shape[3])
        heard[..., :1] = self.out(up(x[..., :ends]))[:, :, 0, :1]
        heard[..., -1:] = self.out(up(x[..., -ends:]))[:, :, 0, -1:]
        return heard


def _without(x: Tensor, before: int, behind: int) -> Tensor:
    """Tensor[..., T] less some at either end."""
    return x[..., before : x.shape[-1] - behind]


Cut = tuple[int, int]
"""How many positions fall away before and behind the others."""


def _cuts(layers: Sequence[Layer], beside: Cut) -> tuple[list[Cut], Cut]:
    """What falls away before each layer of a decoder, and of the audio.

    What lies `beside` the codes that are heard reaches far among codes, and hardly at all where
    there are most positions. So each stage drops what those after it do not reach.
    """
    reach, reaches = 1, list[int]()  # that of the last convolution of all
    for layer in reversed(layers):
        if isinstance(layer, ConvUp):
            reach = -(-reach // layer.stride[0]) + 1
        else:
            wide = layer if isinstance(layer, Conv) else layer.model[1]
            assert isinstance(wide, Conv)
            reach += wide.dilation[0]
        reaches.append(reach)
    there, cuts, is_new_stage = list(beside), list[Cut](), True
    for layer, reach in zip(layers, reversed(reaches), strict=True):
        before, behind = (max(0, n - reach) if is_new_stage else 0 for n in there)
        cuts.append((before, behind))
        there = [there[0] - before, there[1] - behind]
        is_new_stage = isinstance(layer, ConvUp)
        if isinstance(layer, ConvUp):
            there = [n * layer.stride[0] for n in there]
    return cuts, (there[0], there[1])


class RestartRandomness(Protocol):
    """Where the codebook's random choices come from, so that a run can be repeated."""

    def permutation(self, n: int) -> Tensor:
        """Tensor[n] (or its first codebook_size entries) of a random order of 0..n-1."""

    def normal(self, rows: int, width: int) -> Tensor:
        """Tensor[rows, width] of N(0, 1)."""


class TorchRandomness:
    """The default randomness: torch's global generator."""

    def permutation(self, n: int) -> Tensor:
        return torch.randperm(n)

    def normal(self, rows: int, width: int) -> Tensor:
        return torch.randn(rows, width)


@dataclass(frozen=True)
class Quantised:
    """What the codebook made of encoder outputs. Losses and metrics are scalars."""

    codes: Tensor
    """Tensor[B, T] int64."""
    vectors: Tensor
    """Tensor[B, emb, T], gradients passed straight through to the encoder."""
    commit_loss: Tensor
    fit: Tensor
    """Mean squared distance to the nearest code."""
    prenorm: Tensor
    """Standard deviation of the encoder's outputs."""
    update: dict[str, Tensor]
    """entropy (nats), used_curr, usage (codes alive), dk; empty without an update."""


class Codebook(nn.Module):
    """Exponential-moving-average k-means codes with random restarts (paper, section 3).

    A code whose moving count falls below `threshold` is replaced by a vector of the batch.
    `k` alone is saved; `restore` rebuilds the moving sums from it.
    """

    k: Tensor
    k_sum: Tensor
    k_elem: Tensor

    def __init__(self, size: int, width: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.threshold = 1.0
        self.reset_sums = False
        """Whether a restarted code forgets its old uses. The original's do not, so a code there
        needs many uses to settle: fine for its batches, slow for a small one."""
        self.initialised = False
        self.register_buffer("k", torch.zeros(size, width))
        self.register_buffer("k_sum", torch.zeros(size, width), persistent=False)
        self.register_buffer("k_elem", torch.zeros(size), persistent=False)

    def restore(self, num_tokens: int | None = None, threshold: float = 1.0) -> None:
        """Rebuild the moving sums, as if each code had been used num_tokens / size times."""
        expected = 1.0 if num_tokens is None else num_tokens / len(self.k)
        self.k_sum = self.k.clone() * expected
        self.k_elem = torch.full_like(self.k_elem, expected)
        self.threshold = threshold
        self.initialised = True

    def encode(self, x: Tensor) -> Tensor:
        """Nearest codes: Tensor[B, emb, T] -> Tensor[B, T] int64."""
        batch, _, length = x.shape
        k, rows = self.k.t(), _rows(x)
        squares = k.square().sum(0)
        # Distances less what all codes have in common, in one pass over the memory.
        found = [
            torch.addmm(squares, r, k, alpha=-2).argmin(-1) for r in rows.split(_DISTANCE_ROWS)
        ]
        return torch.cat(found).view(batch, length)

    def decode(self, codes: Tensor) -> Tensor:
        """Tensor[B, T] -> Tensor[B, emb, T]."""
        return F.embedding(codes, self.k).transpose(1, 2)

    def forward(
        self, x: Tensor, update: bool = False, randomness: RestartRandomness | None = None
    ) -> Quantised:
        """Quantise Tensor[B, emb, T]; with `update`, move the codes towards the data."""
        batch, _, length = x.shape
        rows = _rows(x)
        random = randomness or TorchRandomness()
        prenorm = (rows - rows.mean()).norm() / math.sqrt(rows.numel())
        with torch.no_grad():
            if update and not self.initialised:
                self._initialise(rows, random)
            codes, least = self._nearest(rows)
            nearest = F.embedding(codes, self.k)
            metrics = self._update(rows, codes, random) if update else {}
        commit = (nearest - rows).square().sum() / rows.numel()
        straight = rows + (nearest - rows).detach()
        return Quantised(
            codes=codes.view(batch, length),
            vectors=straight.view(batch, length, -1).transpose(1, 2),
            commit_loss=commit,
            fit=least.mean(),
            prenorm=prenorm.detach(),
            update=metrics,
        )

    def distances(self, rows: Tensor) -> Tensor:
        """Squared distances Tensor[N, size] of vectors Tensor[N, emb] to every code."""
        k = self.k.t()
        return rows.square().sum(-1, keepdim=True) - 2 * rows @ k + k.square().sum(0, keepdim=True)

    def _nearest(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        found = [self.distances(part).min(-1) for part in rows.split(_DISTANCE_ROWS)]
        return torch.cat([f.indices for f in found]), torch.cat([f.values for f in found])

    def _candidates(self, rows: Tensor, random: RestartRandomness) -> Tensor:
        """Tensor[size, emb] of vectors drawn from the batch, repeated with noise if too few."""
        size, width = self.k.shape
        if len(rows) < size:
            rows = rows.repeat(-(-size // len(rows)), 1)
            noise = random.normal(len(rows), width).to(rows)
            rows = rows + noise * (0.01 / math.sqrt(width))
        order = random.permutation(len(rows))[:size]
        return rows[order.to(rows.device)]

    def _initialise(self, rows: Tensor, random: RestartRandomness) -> None:
        self.k = self._candidates(rows, random)
        # At the threshold itself, so that a code that the data has left restarts at once.
        self.k_sum = self.k * self.threshold
        self.k_elem = torch.full_like(self.k_elem, self.threshold)
        self.initialised = True

    def _update(self, rows: Tensor, codes: Tensor, random: RestartRandomness) -> dict[str, Tensor]:
        size = len(self.k)
        count = torch.bincount(codes, minlength=size).to(rows.dtype)
        total = torch.zeros_like(self.k).index_add_(0, codes, rows.to(self.k.dtype))
        candidates = self._candidates(rows, random)

        old = self.k
        self.k_sum = self.decay * self.k_sum + (1.0 - self.decay) * total
        self.k_elem = self.decay * self.k_elem + (1.0 - self.decay) * count
        alive = (self.k_elem >= self.threshold).unsqueeze(1)
        self.k = torch.where(alive, self.k_sum / self.k_elem.unsqueeze(1), candidates)
        if self.reset_sums:
            self.k_sum = torch.where(alive, self.k_sum, candidates * self.threshold)
            self.k_elem = torch.where(alive.squeeze(1), self.k_elem, self.threshold)

        share = count / count.sum()
        return {
            "entropy": -(share * (share + 1e-8).log()).sum(),
            "used_curr": (count >= self.threshold).sum(),
            "usage": alive.sum(),
            "dk": (self.k - old).norm() / math.sqrt(old.numel()),
        }


def _rows(x: Tensor) -> Tensor:
    """Tensor[B, emb, T] -> Tensor[B T, emb]."""
    return x.transpose(1, 2).reshape(-1, x.shape[1])


class _Bottleneck(nn.Module):
    """Holds the codebooks under the published key names."""

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.level_blocks = nn.ModuleList(
            Codebook(config.codebook_size, config.emb_width, config.ema_decay)
            for _ in range(config.levels)
        )


class VQVAE(nn.Module):
    """All levels of the autoencoder.

    `encode` and `decode` work in one pass; `encode_chunked` and `decode_chunked` give the same
    numbers in bounded memory, for audio of any length.
    """

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoders = nn.ModuleList(Encoder(config, level) for level in range(config.levels))
        self.decoders = nn.ModuleList(Decoder(config, level) for level in range(config.levels))
        self.bottleneck = _Bottleneck(config)

    def codebook(self, level: int) -> Codebook:
        codebook = self.bottleneck.level_blocks[level]
        assert isinstance(codebook, Codebook)
        return codebook

    def encoder_output(self, audio: Tensor, level: int) -> Tensor:
        """Tensor[B, T, C] -> Tensor[B, emb, T / hop], before quantising.

        Several channels are averaged. T must be a multiple of the level's hop.
        """
        hop = self.config.hop_samples(level)
        if audio.shape[1] % hop:
            raise ValueError(f"{audio.shape[1]} samples are not a multiple of the hop, {hop}.")
        out: Tensor = self.encoders[level](audio.mean(-1).unsqueeze(1))
        return out

    def encode(
        self, audio: Tensor, start_level: int = 0, end_level: int | None = None
    ) -> list[Tensor]:
        """Tensor[B, T, C] in [-1, 1] -> codes Tensor[B, T / hop] of levels start to end - 1."""
        levels = range(start_level, self.config.levels if end_level is None else end_level)
        return [self.codebook(n).encode(self.encoder_output(audio, n)) for n in levels]

    def decode(
        self,
        codes: Sequence[Tensor],
        start_level: int = 0,
        *,
        is_coarse: bool = False,
        beside: tuple[int, int] = (0, 0),
    ) -> Tensor:
        """Codes of levels `start_level` and up -> Tensor[B, T, 1].

        As in the original only the codes of `start_level` itself, codes[0], are heard. is_coarse:
        in bfloat16 where that is quick, 50 dB below which (the starter) it is another sound.
        beside: codes at either end whose own audio is not wanted, as for `Decoder`.
        """
        vectors = self.codebook(start_level).decode(codes[0])
        if is_coarse and has_quick_bfloat16() and lies_better(vectors):
            vectors = vectors.bfloat16()
        audio: Tensor = self.decoders[start_level](vectors, beside)
        return audio.float().transpose(1, 2)

    def encode_chunked(self, audio: Tensor, level: int, chunk_seconds: float = 4.0) -> Tensor:
        """`encode` of one level in pieces: Tensor[B, T, C] -> Tensor[B, T / hop].

        Each piece is encoded with as much audio on either side as a code can see. Short pieces
        bound the memory: torch's convolutions keep working space for every length they have met.
        Whatever device the network is on, codes come back to where the audio is.
        """
        hop = self.config.hop_samples(level)
        halo = -(-self.config.encoder_receptive_samples(level) // (2 * hop)) + 1
        total = audio.shape[1] // hop
        if audio.shape[1] % hop:
            raise ValueError(f"{audio.shape[1]} samples are not a multiple of the hop, {hop}.")

        def piece(start: int, end: int) -> Tensor:
            heard = audio[:, start * hop : end * hop].to(self.codebook(level).k.device)
            return self.encode(heard, level, level + 1)[0].to(audio.device)

        size = max(1, round(chunk_seconds * self.config.sample_rate_hz / hop))
        each = [
            piece(left, right)[:, start - left : end - left]
            for start, end, left, right in _pieces(range(total), total, size, halo)
        ]
        return torch.cat(each, dim=1)

    def decode_chunked(
        self,
        codes: Tensor,
        level: int,
        chunk_seconds: float = 4.0,
        kept: Pieces | None = None,
        *,
        is_coarse: bool = False,
        of: range | None = None,
    ) -> Tensor:
        """`decode` of one level in pieces: Tensor[B, T / hop] -> Tensor[B, T, 1].

        kept: pieces of earlier calls, which those of the same codes are taken from; the first
        `MOST_KEPT_PIECES` of a level are added. is_coarse: as for `decode`, and in pieces twice as
        long, whose numbers take as much memory. of: which codes' audio is wanted, all by default.
        Pieces are of one length, up to half as long again as asked for.
        """
        if of is None:
            of = range(codes.shape[1])
        if not of:
            return codes.new_empty((len(codes), 0, 1), dtype=torch.float32)
        hop = self.config.hop_samples(level)
        longest = chunk_seconds * (2 if is_coarse else 1) * self.config.sample_rate_hz / hop
        size = max(1, -(-len(of) // max(1, round(len(of) / max(1.0, longest)))))
        pieces = self.decode_pieces(codes, level, size, kept, is_coarse=is_coarse, of=of)
        return torch.cat(list(pieces), dim=1)

    def decode_pieces(
        self,
        codes: Tensor,
        level: int,
        size_codes: int,
        kept: Pieces | None = None,
        *,
        is_coarse: bool = False,
        of: range | None = None,
    ) -> Iterator[Tensor]:
        """Audio of `size_codes` codes after the other, Tensor[B, size * hop, 1] each."""
        total, halo = codes.shape[1], self.config.decoder_halo_codes(level)
        of = range(total) if of is None else of
        for start, end, left, right in _pieces(of, total, size_codes, halo):
            part, beside = codes[:, left:right], (start - left, right - end)
            there = part.to(self.codebook(level).k.device)
            if kept is None or is_coarse:
                made = self.decode([there], level, is_coarse=is_coarse, beside=beside)
                yield made.to(codes.device)
                continue
            key = level, beside, part.cpu().numpy().tobytes()
            if key not in kept:
                made = self.decode([there], level, beside=beside).to(codes.device)
                if sum(of_level == level for of_level, *_ in kept) >= MOST_KEPT_PIECES:
                    yield made
                    continue
                kept[key] = made
            yield kept[key]


def _pieces(of: range, total: int, size: int, halo: int) -> Iterator[tuple[int, int, int, int]]:
    """Start and end of pieces of `of`, and both with what lies beside them within [0, total)."""
    for start in range(of.start, of.stop, size):
        end = min(start + size, of.stop)
        yield start, end, max(0, start - halo), min(total, end + halo)
