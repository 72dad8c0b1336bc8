"""The decoders of the VQ-VAE on the compiled functions of `native.py`, for one thread.

Where the channels of a position lie side by side, a convolution is a product of rows that overlap
with one matrix: of three positions for a kernel of three, of two for a transposed one. A residual
block is made for a few rows after the other, so that what it makes on the way stays in the caches.

A position's numbers are added up in one order, whatever the length: pieces are as the whole.

Who calls a compiled function holds what is `Packed`, not the table of its addresses alone: another
thread may pack it anew, or let go of it, meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio.model.vqvae import Conv, ConvUp, Cut, Decoder, Layer, ResidualBlock
from jukebox_studio.sampling import native
from jukebox_studio.sampling.weights import convolution_weights

_SPARE = 2
"""Positions before and behind the others, as far as a product may reach."""


def can_decode(decoder: Decoder) -> bool:
    """Whether all that lies between its layers has whole vectors of channels."""
    convs = [part for part in decoder.modules() if isinstance(part, Conv | ConvUp)]
    sizes = {size for conv in convs for size in (conv.in_channels, conv.out_channels)} - {1}
    return not any(size % native.LANES for size in sizes) and all(
        conv.stride[0] <= native.LANES for conv in convs
    )


def decoded(decoder: Decoder, layers: Sequence[Layer], cuts: Sequence[Cut], x: Tensor) -> Tensor:
    """Tensor[B, emb, T / hop] -> Tensor[B, 1, T]. layers: all but `decoder.out`.

    cuts: what falls away before each of them, and of the audio.
    """
    return torch.cat([_row_decoded(decoder, layers, cuts, row) for row in x.transpose(1, 2)])


@dataclass(frozen=True)
class _Rows:
    """Positions, with others before and behind them that are zeros."""

    whole: Tensor
    """Tensor[spare + T + spare, C]"""
    spare: int

    @classmethod
    def of(cls, length: int, channels: int, spare: int = _SPARE) -> _Rows:
        return cls(torch.empty((length + 2 * spare, channels)), spare).with_ends()

    def with_ends(self) -> _Rows:
        self.whole[: self.spare] = 0.0
        self.whole[-self.spare :] = 0.0
        return self

    def cut(self, before: int, behind: int) -> _Rows:
        """Without some, in the same memory: beside what is left lie others than zeros."""
        return _Rows(self.whole[before : len(self.whole) - behind], self.spare)

    @property
    def there(self) -> Tensor:
        return self.whole[self.spare : -self.spare]

    @property
    def row_bytes(self) -> int:
        return 4 * self.whole.shape[1]

    def at(self, position: int) -> int:
        """The address of a position."""
        return self.whole.data_ptr() + (self.spare + position) * self.row_bytes


def _row_decoded(
    decoder: Decoder, layers: Sequence[Layer], cuts: Sequence[Cut], x: Tensor
) -> Tensor:
    """Tensor[T / hop, emb] -> Tensor[1, 1, T]."""
    rows, other = _Rows.of(*x.shape), None
    rows.there.copy_(x)
    *layers, up = layers
    *cuts, last_cut, ends = cuts
    for layer, cut in zip(layers, cuts, strict=True):
        if any(cut):
            rows, other = rows.cut(*cut), None
        if isinstance(layer, ConvUp):
            rows, other = _widened(layer, rows), None
        elif isinstance(layer, Conv):
            rows, other = _over_three(layer, rows), None
        else:  # from one into the other and back: memory that is new has to be found first
            rows, other = _with_residual(layer, rows, other), rows
    assert isinstance(up, ConvUp)
    rows = rows.cut(*last_cut)
    heard = _heard(decoder, up, rows)[None, None]
    heard = decoder.with_ends(heard, rows.there.t()[None, :, None], up)
    before, behind = ends
    return heard[..., before : heard.shape[2] - behind]


def _over_three(conv: Conv, x: _Rows) -> _Rows:
    """A kernel of three."""
    packed = convolution_weights(conv, lambda: [_matrix(conv)])
    length = len(x.there)
    y = _Rows.of(length, conv.out_channels)
    native.multiply_rows(x.at(-1), x.row_bytes, packed.table[0], length, y.at(0), y.row_bytes)
    return y


def _with_residual(block: ResidualBlock, x: _Rows, y: _Rows | None) -> _Rows:
    _, dilated, _, narrow = block.model
    assert isinstance(dilated, Conv)
    assert isinstance(narrow, Conv)
    packed = convolution_weights(block, lambda: [_matrix(c) for c in (dilated, narrow)])
    length, channels = x.there.shape
    y = y or _Rows.of(length, channels, x.spare)
    work = torch.empty(native.TAKEN * (3 * channels + dilated.out_channels))
    native.add_residual(
        x.at(0), y.at(0), length, packed.table, dilated.dilation[0], block.scale, work.data_ptr()
    )
    return y


def _widened(conv: ConvUp, x: _Rows) -> _Rows:
    """A kernel of twice the stride: what two positions beside each other add up to."""
    stride = conv.stride[0]

    def matrices() -> list[tuple[Tensor, Tensor]]:
        assert conv.bias is not None
        return [(_by_position(conv.weight, stride), conv.bias.repeat(stride))]

    packed = convolution_weights(conv, matrices)
    length = len(x.there)
    y = _Rows.of(stride * length, conv.out_channels, max(_SPARE, stride))
    first, step = y.at(-int(conv.padding[0])), stride * y.row_bytes
    native.multiply_rows(x.at(-1), x.row_bytes, packed.table[0], length + 1, first, step)
    return y.with_ends()


def _heard(decoder: Decoder, up: ConvUp, x: _Rows) -> Tensor:
    """Tensor[T], of which the first and the last are not right yet."""
    stride = up.stride[0]
    padding = stride // 2 + 1

    def matrices() -> list[tuple[Tensor, Tensor]]:
        kernel, bias = decoder.last_kernel(up)
        # Two positions further on it reaches two samples more.
        kernel = F.pad(kernel, (0, stride - 2))
        return [(_by_position(kernel, stride), bias.repeat(stride))]

    packed = convolution_weights(decoder, matrices)
    length = len(x.there)
    # A vector is written for each position, and but for `stride` samples overwritten by the next.
    y = torch.empty((length + 2) * stride + native.LANES)
    native.multiply_rows(
        x.at(-2), x.row_bytes, packed.table[0], length + 2, y.data_ptr(), 4 * stride
    )
    return y[padding : padding + stride * length]


def _matrix(conv: Conv) -> tuple[Tensor, Tensor]:
    """Tensor[C out, C in, K] -> Tensor[K C in, C out], and the bias."""
    assert conv.bias is not None
    return conv.weight.permute(2, 1, 0).flatten(0, 1), conv.bias


def _by_position(kernel: Tensor, stride: int) -> Tensor:
    """Tensor[C in, C out, n stride] -> Tensor[n C in, stride C out], the last part first."""
    parts = kernel.permute(0, 2, 1).split(stride, dim=1)
    return torch.cat([part.flatten(1) for part in reversed(parts)])
