"""The blocks of a transformer as one compiled function: a step of all rows, or a chunk of priming.

Beside it what decoding (`native_sound.py`) and the drawing of codes (`guidance.py`) take most time
for. numba compiles all when this module is first imported, in some seconds, and keeps that in the
user's cache folder. The blocks know addresses only; `native_stack.py` holds the tensors they are
of.

Every value is computed in one order, whatever stands beside it: a row gives the same bits in any
batch, any chunk, and with any number of threads.

Threads take the work of a phase in units, and none goes on before all units of a phase are done.
One that comes late finds nothing to take. Who has a unit knows that what it reads still holds.

Letters: B batch, n positions in a call, W width, S state, H heads, D = S / H. The B n rows, those
of one b in one piece, are whole vectors long, with zeros behind the last value.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numba
import numpy as np
from numba import njit

from jukebox_studio.model.config import BLOCK, COLUMN, LYRICS, PREVIOUS_BLOCK, PRIME
from jukebox_studio.sampling import vectors
from jukebox_studio.sampling.kept_code import folder_for, whole
from jukebox_studio.sampling.vectors import (
    absolute,
    add,
    count_up,
    divide,
    exp,
    fill,
    first,
    get,
    get_shared,
    give_way,
    larger,
    largest,
    load,
    multiply,
    multiply_add,
    put,
    store,
    store_bytes,
    store_first,
    subtract,
    total,
)

LANES = vectors.LANES
CAN_SHARE = vectors.CAN_YIELD
"""Whether several threads may call `run` at once with the same sizes."""
_VECTOR = 4 * LANES
"""Bytes."""

# A row of the table of matrices: addresses and sizes.
WEIGHTS, BIAS, MINUS_128, STEPS, INPUTS, PANELS = range(6)
# A row of the table of layers.
KIND, KEYS, VALUES, CAPACITY, SEEN, NORM_0, BIAS_0, NORM_1, BIAS_1 = range(9)
RECORD, RECORD_POSITIONS, RECORD_TOKENS = range(9, 12)
# What is the same for all layers: sizes, and the addresses of what threads share.
BATCH, WIDTH, STATE, HEADS, BLOCK_LENGTH, HIDDEN, WHOLE = range(7)
X, QKV, MIXED, OUT, INNER, LAST, COUNTERS = range(7, 14)
# What a thread has to itself: addresses.
NORMED, BYTES, ROW_STEPS, SCORES = range(4)
PHASES = 5
"""Of each layer; the head is one more."""
COUNTER_BYTES = 64
_PLAIN, _ACTIVATED, _RESIDUAL = 0, 1, 2
ROWS_OF_UNIT = 128
TAKEN = 32
"""Rows of sound at a time, so that what is made of them stays in the nearest caches."""
ONE = 1 << 40
"""The share of the likeliest code before it is divided by the sum of all."""
_PATIENCE = 4096
"""How often a thread looks whether the others are done before it gives way."""

WIDEST = vectors.widest()


def _cache_folder() -> Path | None:
    """Where numba keeps what it compiled of exactly these sources; None where nothing can be.

    For each processor a folder of its own: numba mixes up what two of them write at once into a
    home that they share.
    """
    try:
        sources = b"".join(Path(file).read_bytes() for file in (__file__, vectors.__file__))
    except OSError:
        return None
    kinds = BLOCK, COLUMN, LYRICS, PREVIOUS_BLOCK, PRIME
    made_with = repr((numba.__version__, vectors.processor(), kinds))
    folder = folder_for(sources + made_with.encode())
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)
    return folder


log = logging.getLogger(__name__)
_OPTIONS = {"nogil": True, "error_model": "numpy"}
_KEPT_IN = _cache_folder()


def _compiled(signature):
    """Compiles a function now, and keeps it where that can be."""

    def compiled(function):
        if _KEPT_IN:
            try:
                with whole(_KEPT_IN, function.__name__):
                    return njit(signature, cache=True, **_OPTIONS)(function)
            except Exception:  # a full disk, a folder that may only be read
                log.warning(
                    "A compiled step cannot be kept in %s, so every start compiles it anew. "
                    "Make room there, or remove the folder.",
                    _KEPT_IN,
                    exc_info=True,
                )
        return njit(signature, **_OPTIONS)(function)

    return compiled


_inner = njit(**_OPTIONS)

_t44, _t43, _t42, _t41 = (vectors.tile(4, p) for p in (4, 3, 2, 1))
_t24, _t23, _t22, _t21 = (vectors.tile(2, p) for p in (4, 3, 2, 1))
_t14, _t13, _t12, _t11 = (vectors.tile(1, p) for p in (4, 3, 2, 1))
_w44, _w43, _w42, _w41 = (vectors.whole_tile(4, p) for p in (4, 3, 2, 1))
_w24, _w23, _w22, _w21 = (vectors.whole_tile(2, p) for p in (4, 3, 2, 1))
_w14, _w13, _w12, _w11 = (vectors.whole_tile(1, p) for p in (4, 3, 2, 1))


@_inner
def _padded(size):
    return -(-size // LANES) * LANES


@_inner
def _norm(x, plus, width, weight, bias, out):
    """Layer norm of one row, of x + plus where plus is not 0."""
    count = -(-width // LANES)
    sums = fill(np.float32(0.0))
    for i in range(count):
        v = load(x + i * _VECTOR)
        if plus != 0:
            v = add(load(plus + i * _VECTOR), v)
        store(out + i * _VECTOR, v)
        sums = add(sums, v)
    mean = fill(np.float32(total(sums) / np.float32(width)))
    squares = fill(np.float32(0.0))
    for i in range(count):
        v = first(subtract(load(out + i * _VECTOR), mean), width - i * LANES, np.float32(0.0))
        store(out + i * _VECTOR, v)
        squares = multiply_add(v, v, squares)
    variance = np.float32(total(squares) / np.float32(width))
    scale = fill(np.float32(1.0) / np.float32(math.sqrt(variance + np.float32(1e-5))))
    for i in range(count):
        v = multiply(load(out + i * _VECTOR), scale)
        v = multiply_add(v, load(weight + i * _VECTOR), load(bias + i * _VECTOR))
        store(out + i * _VECTOR, v)


@_inner
def _make_whole(x, size, out, step_at):
    """One row in 127 steps to either side, with 128 added."""
    count = -(-size // LANES)
    most = fill(np.float32(0.0))
    for i in range(count):
        most = larger(absolute(load(x + i * _VECTOR)), most)
    step = np.float32(1e-30) + largest(most) * np.float32(1 / 127)
    put(step_at, step)
    per_step = fill(np.float32(1.0) / step)
    for i in range(count):
        store_bytes(out + i * LANES, multiply(load(x + i * _VECTOR), per_step))


def widest_group(panels):
    """How many panels a group has: WIDEST, or three where that leaves none over."""
    return 3 if WIDEST == 4 and panels % 4 != 0 and panels % 3 == 0 else WIDEST


_widest_group = _inner(widest_group)


@_inner
def _groups(panels):
    widest = _widest_group(panels)
    rest = panels % widest
    return panels // widest + rest // 2 + rest % 2


@_inner
def _group(number, panels):
    """The first panel of a group and how many it has: the widest, then the rest in powers of 2."""
    widest = _widest_group(panels)
    begin = number * widest
    if begin + widest <= panels:
        return begin, widest
    begin = panels // widest * widest
    if panels - begin < 2:
        return begin, 1
    if number == panels // widest:
        return begin, 2
    return begin + 2, 1


@_inner
def _rows_times_group(x, x_stride, inputs, w, bias, y, y_stride, rows, width):
    row = 0
    while row < rows:
        left = rows - row
        at, to = x + row * x_stride, y + row * y_stride
        if left >= 4 and WIDEST == 4:
            if width == 4:
                _t44(at, x_stride, inputs, w, bias, to, y_stride)
            elif width == 3:
                _t43(at, x_stride, inputs, w, bias, to, y_stride)
            elif width == 2:
                _t42(at, x_stride, inputs, w, bias, to, y_stride)
            else:
                _t41(at, x_stride, inputs, w, bias, to, y_stride)
            row += 4
        elif left >= 2:
            if width == 4:
                _t24(at, x_stride, inputs, w, bias, to, y_stride)
            elif width == 3:
                _t23(at, x_stride, inputs, w, bias, to, y_stride)
            elif width == 2:
                _t22(at, x_stride, inputs, w, bias, to, y_stride)
            else:
                _t21(at, x_stride, inputs, w, bias, to, y_stride)
            row += 2
        else:
            if width == 4:
                _t14(at, x_stride, inputs, w, bias, to, y_stride)
            elif width == 3:
                _t13(at, x_stride, inputs, w, bias, to, y_stride)
            elif width == 2:
                _t12(at, x_stride, inputs, w, bias, to, y_stride)
            else:
                _t11(at, x_stride, inputs, w, bias, to, y_stride)
            row += 1


@_inner
def _whole_rows_times_group(
    x, x_stride, quads, w, minus, steps, bias, row_steps, y, y_stride, rows, width
):
    row = 0
    while row < rows:
        left = rows - row
        at, to, step = x + row * x_stride, y + row * y_stride, row_steps + row * 4
        if left >= 4 and WIDEST == 4:
            if width == 4:
                _w44(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            elif width == 3:
                _w43(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            elif width == 2:
                _w42(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            else:
                _w41(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            row += 4
        elif left >= 2:
            if width == 4:
                _w24(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            elif width == 3:
                _w23(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            elif width == 2:
                _w22(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            else:
                _w21(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            row += 2
        else:
            if width == 4:
                _w14(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            elif width == 3:
                _w13(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            elif width == 2:
                _w12(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            else:
                _w11(at, x_stride, quads, w, minus, steps, bias, step, to, y_stride)
            row += 1


@_inner
def _activate(y, stride, rows, count):
    """quick_gelu in place."""
    one, slope = fill(np.float32(1.0)), fill(np.float32(-1.702))
    for row in range(rows):
        for i in range(count):
            at = y + row * stride + i * _VECTOR
            v = load(at)
            store(at, divide(v, add(one, exp(multiply(v, slope)))))


@_inner
def _add_to(x, a, m, stride, rows, count, scale):
    """x + scale (a + m) in the place of x."""
    scales = fill(scale)
    for row in range(rows):
        for i in range(count):
            at = row * stride + i * _VECTOR
            if scale == np.float32(1.0):
                v = add(add(load(a + at), load(x + at)), load(m + at))
            else:
                v = multiply_add(add(load(a + at), load(m + at)), scales, load(x + at))
            store(x + at, v)


@_inner
def _wait(counter, units):
    looks = 0
    while get_shared(counter + 8) < units:
        looks += 1
        if looks > _PATIENCE:
            give_way()


@_inner
def _product(
    matrix, whole, source, stride, rows, y, y_stride, after, x, a, scale, bytes_, row_steps, counter
):
    """y = source times a matrix, and what comes after it, together with other threads."""
    inputs, panels = matrix[INPUTS], matrix[PANELS]
    groups = _groups(panels)
    units = groups * (-(-rows // ROWS_OF_UNIT))
    if get_shared(counter) >= units:
        _wait(counter, units)
        return
    padded = _padded(inputs)
    if whole:
        for row in range(rows):
            _make_whole(source + row * stride, inputs, bytes_ + row * padded, row_steps + row * 4)
    while True:
        unit = count_up(counter)
        if unit >= units:
            break
        begin = unit // groups * ROWS_OF_UNIT
        own = min(ROWS_OF_UNIT, rows - begin)
        panel, width = _group(unit % groups, panels)
        across = panel * _VECTOR
        to = y + begin * y_stride + across
        if whole:
            quads = padded // 4
            _whole_rows_times_group(
                bytes_ + begin * padded,
                padded,
                quads,
                matrix[WEIGHTS] + across * quads,
                matrix[MINUS_128] + across,
                matrix[STEPS] + across,
                matrix[BIAS] + across,
                row_steps + begin * 4,
                to,
                y_stride,
                own,
                width,
            )
        else:
            _rows_times_group(
                source + begin * stride,
                stride,
                inputs,
                matrix[WEIGHTS] + across * inputs,
                matrix[BIAS] + across,
                to,
                y_stride,
                own,
                width,
            )
        if after == _ACTIVATED:
            _activate(to, y_stride, own, width)
        elif after == _RESIDUAL:
            at = begin * y_stride + across
            _add_to(x + at, a + at, to, y_stride, own, width, scale)
        count_up(counter + 8)
    _wait(counter, units)


@_inner
def _scores(q, size, keys, capacity, seen, scores):
    """q k / sqrt(D) of the keys that are seen, and -inf behind them; the largest."""
    scale = fill(np.float32(1.0) / np.float32(math.sqrt(np.float32(size))))
    zero = fill(np.float32(0.0))
    stride = capacity * 4
    top = fill(np.float32(-np.inf))
    at = 0
    while at < seen:
        column = keys + at * 4
        s0, s1, s2, s3 = zero, zero, zero, zero
        if seen - at > 3 * LANES:
            for d in range(size):
                value, here = fill(get(q + d * 4)), column + d * stride
                s0 = multiply_add(value, load(here), s0)
                s1 = multiply_add(value, load(here + _VECTOR), s1)
                s2 = multiply_add(value, load(here + 2 * _VECTOR), s2)
                s3 = multiply_add(value, load(here + 3 * _VECTOR), s3)
            s1, s2 = multiply(s1, scale), multiply(s2, scale)
            store(scores + (at + LANES) * 4, s1)
            store(scores + (at + 2 * LANES) * 4, s2)
            top = larger(larger(s1, s2), top)
            s3 = first(multiply(s3, scale), seen - at - 3 * LANES, np.float32(-np.inf))
            store(scores + (at + 3 * LANES) * 4, s3)
            top = larger(s3, top)
            step = 4 * LANES
        elif seen - at > LANES:
            for d in range(size):
                value, here = fill(get(q + d * 4)), column + d * stride
                s0 = multiply_add(value, load(here), s0)
                s1 = multiply_add(value, load(here + _VECTOR), s1)
            s1 = first(multiply(s1, scale), seen - at - LANES, np.float32(-np.inf))
            store(scores + (at + LANES) * 4, s1)
            top = larger(s1, top)
            step = 2 * LANES
        else:
            for d in range(size):
                value = fill(get(q + d * 4))
                s0 = multiply_add(value, load(column + d * stride), s0)
            step = LANES
        s0 = first(multiply(s0, scale), seen - at, np.float32(-np.inf))
        store(scores + at * 4, s0)
        top = larger(s0, top)
        at += step
    return largest(top)


@_inner
def _mix(size, values, seen, scores, scale, out):
    """The values by their scores, times `scale`."""
    zero, scales = fill(np.float32(0.0)), fill(scale)
    stride = size * 4
    d = 0
    while d < size:
        column = values + d * 4
        s0, s1, s2, s3 = zero, zero, zero, zero
        if size - d > 3 * LANES:
            for t in range(seen):
                weight, here = fill(get(scores + t * 4)), column + t * stride
                s0 = multiply_add(weight, load(here), s0)
                s1 = multiply_add(weight, load(here + _VECTOR), s1)
                s2 = multiply_add(weight, load(here + 2 * _VECTOR), s2)
                s3 = multiply_add(weight, load(here + 3 * _VECTOR), s3)
            to = out + d * 4
            store(to, multiply(s0, scales))
            store(to + _VECTOR, multiply(s1, scales))
            store(to + 2 * _VECTOR, multiply(s2, scales))
            store_first(to + 3 * _VECTOR, multiply(s3, scales), size - d - 3 * LANES)
            d += 4 * LANES
        else:
            # Four sums over every fourth value
            for t in range(0, seen - seen % 4, 4):
                here = column + t * stride
                s0 = multiply_add(fill(get(scores + t * 4)), load(here), s0)
                s1 = multiply_add(fill(get(scores + t * 4 + 4)), load(here + stride), s1)
                s2 = multiply_add(fill(get(scores + t * 4 + 8)), load(here + 2 * stride), s2)
                s3 = multiply_add(fill(get(scores + t * 4 + 12)), load(here + 3 * stride), s3)
            for t in range(seen - seen % 4, seen):
                s0 = multiply_add(fill(get(scores + t * 4)), load(column + t * stride), s0)
            mixed = multiply(add(add(s0, s1), add(s2, s3)), scales)
            store_first(out + d * 4, mixed, size - d)
            d += LANES


@_inner
def _shares(seen, scores):
    """exp of scores less the largest, which lies before them. Returns 1 / their sum."""
    top = fill(get(scores - _VECTOR))
    sums = fill(np.float32(0.0))
    for i in range(-(-seen // LANES)):
        e = exp(subtract(load(scores + i * _VECTOR), top))
        e = first(e, seen - i * LANES, np.float32(0.0))
        store(scores + i * _VECTOR, e)
        sums = add(sums, e)
    return np.float32(1.0) / total(sums)


@_inner
def _attention(layer, sizes, b, head, heads, start, n, scores):
    """Some heads of one row of the batch, its positions in order.

    What each step makes is made for all these heads before the next one: a head is a chain of
    operations that wait for each other, and a processor works on several at once.
    """
    batch, all_heads, length = sizes[BATCH], sizes[HEADS], sizes[BLOCK_LENGTH]
    state = sizes[STATE]
    size = state // all_heads
    kind, capacity = layer[KIND], layer[CAPACITY]
    qkv_stride = 4 * _padded(state if kind == LYRICS else 3 * state)
    mixed_stride = 4 * _padded(state)
    head_bytes = capacity * size * 4
    # Before the scores of each head stands one number of it.
    scores_bytes = capacity * 4 + _VECTOR
    scores += _VECTOR
    for i in range(n):
        t = start + i
        row = b * n + i
        q = sizes[QKV] + row * qkv_stride + head * size * 4
        out = sizes[MIXED] + row * mixed_stride + head * size * 4
        # Of the caches of a kind: which is written, where, which is read, and how much of it.
        slot, written, read, seen = t, 0, 0, t + 1
        if kind == BLOCK:
            slot = t % length
            seen = slot + 1
        elif kind == COLUMN:
            slot = t // length
            written = t % length
            read = written
            seen = slot + 1
        elif kind == PREVIOUS_BLOCK:
            slot = t % length
            written = t // length % 2
            read = 1 - written
            seen = length if t >= length else 0
        elif kind == PRIME:
            seen = min(seen, layer[SEEN])
        elif kind == LYRICS:
            seen = layer[SEEN]
        if kind != LYRICS and (kind != PRIME or t < layer[SEEN]):
            to = ((written * batch + b) * all_heads + head) * head_bytes
            keys, values = layer[KEYS] + to + slot * 4, layer[VALUES] + to + slot * size * 4
            for h in range(heads):
                new = q + (h * size + state) * 4
                for d in range(size):
                    put(keys + h * head_bytes + d * capacity * 4, get(new + d * 4))
                    put(values + h * head_bytes + d * 4, get(new + (state + d) * 4))
        if seen == 0:
            for d in range(heads * size):
                put(out + d * 4, np.float32(0.0))
            continue
        of = ((read * batch + b) * all_heads + head) * head_bytes
        keys, values = layer[KEYS] + of, layer[VALUES] + of
        for h in range(heads):
            to = scores + h * scores_bytes
            top = _scores(q + h * size * 4, size, keys + h * head_bytes, capacity, seen, to)
            put(to - _VECTOR, top)
        for h in range(heads):
            to = scores + h * scores_bytes
            put(to - _VECTOR, _shares(seen, to))
        for h in range(heads):
            of = scores + h * scores_bytes
            _mix(size, values + h * head_bytes, seen, of, get(of - _VECTOR), out + h * size * 4)
        if layer[RECORD] != 0:
            tokens, positions = layer[RECORD_TOKENS], layer[RECORD_POSITIONS]
            for h in range(heads):
                of = scores + h * scores_bytes
                place = (b * all_heads + head + h) * positions + t
                for token in range(min(seen, tokens)):
                    share = get(of + token * 4) * get(of - _VECTOR)
                    put(layer[RECORD] + (place * tokens + token) * 4, share)


@_inner
def _sum(x, y, width, out):
    """x + y, to the last value and not beyond."""
    even = width - width % LANES
    for i in range(0, even, LANES):
        store(out + i * 4, add(load(x + i * 4), load(y + i * 4)))
    for i in range(even, width):
        put(out + i * 4, get(x + i * 4) + get(y + i * 4))


@_compiled("void(i8[:, ::1], i8[:, ::1], i8[::1], f4, i8[::1], i8, i8, i8, i8, i8)")
def run(matrices, layers, sizes, scale, own, start, n, logits, plus, plus_stride):
    """All blocks over n positions from `start` on, in place of X; and the logits, unless 0.

    matrices: four of each layer, then the head's; without layers only the head is left. plus:
    unless 0, what is added to what comes out before it goes to the head, Tensor[B, W], its stride
    in bytes.
    """
    batch, width, state, hidden = sizes[BATCH], sizes[WIDTH], sizes[STATE], sizes[HIDDEN]
    whole, x, out, inner = sizes[WHOLE] != 0, sizes[X], sizes[OUT], sizes[INNER]
    normed, bytes_, row_steps = own[NORMED], own[BYTES], own[ROW_STEPS]
    rows = batch * n
    stride = 4 * _padded(width)
    mixed_stride, inner_stride = 4 * _padded(state), 4 * _padded(hidden)
    counter = sizes[COUNTERS]
    one = np.float32(1.0)
    for number in range(len(layers)):
        layer = layers[number]
        # x -> queries, keys and values of its norm
        for row in range(rows):
            at = row * stride
            _norm(x + at, 0, width, layer[NORM_0], layer[BIAS_0], normed + at)
        # fmt: off
        qkv_stride = 4 * _padded(state if layer[KIND] == LYRICS else 3 * state)
        _product(matrices[4 * number], whole, normed, stride, rows, sizes[QKV], qkv_stride,
                 _PLAIN, 0, 0, one, bytes_, row_steps, counter)
        counter += COUNTER_BYTES
        while True:
            unit = count_up(counter)
            if unit >= batch:
                break
            # Of many positions, each head's keys and values stay in the nearest cache.
            together = sizes[HEADS] if n == 1 else 1
            for h in range(0, sizes[HEADS], together):
                _attention(layer, sizes, unit, h, together, start, n, own[SCORES])
            count_up(counter + 8)
        _wait(counter, batch)
        counter += COUNTER_BYTES
        _product(matrices[4 * number + 1], whole, sizes[MIXED], mixed_stride, rows, out, stride,
                 _PLAIN, 0, 0, one, bytes_, row_steps, counter)
        counter += COUNTER_BYTES
        for row in range(rows):
            at = row * stride
            _norm(x + at, out + at, width, layer[NORM_1], layer[BIAS_1], normed + at)
        _product(matrices[4 * number + 2], whole, normed, stride, rows, inner, inner_stride,
                 _ACTIVATED, 0, 0, one, bytes_, row_steps, counter)
        counter += COUNTER_BYTES
        _product(matrices[4 * number + 3], whole, inner, inner_stride, rows, sizes[LAST], stride,
                 _RESIDUAL, x, out, scale, bytes_, row_steps, counter)
        # fmt: on
        counter += COUNTER_BYTES
    if logits != 0:
        source = x
        if plus != 0:
            source = normed
            for row in range(rows):
                _sum(x + row * stride, plus + row * plus_stride, width, normed + row * stride)
        head = matrices[4 * len(layers)]
        # fmt: off
        _product(head, whole, source, stride, rows, logits, head[PANELS] * _VECTOR,
                 _PLAIN, 0, 0, one, bytes_, row_steps, counter)
        # fmt: on


@_compiled("void(i8, i8, i8[::1], i8, i8, i8)")
def multiply_rows(x, x_stride, matrix, rows, y, y_stride):
    """y = x times a matrix of float32. The rows of x may overlap: then it is a convolution."""
    panels, inputs = matrix[PANELS], matrix[INPUTS]
    for number in range(_groups(panels)):
        panel, width = _group(number, panels)
        weights, across = matrix[WEIGHTS] + panel * _VECTOR * inputs, panel * _VECTOR
        # fmt: off
        _rows_times_group(x, x_stride, inputs, weights, matrix[BIAS] + across,
                          y + across, y_stride, rows, width)
        # fmt: on


@_compiled("void(i8, i8, i8, i8[:, ::1], i8, f4, i8)")
def add_residual(x, y, length, matrices, dilation, scale, work):
    """y = x + scale relu(taps of relu(x) times the first matrix) times the second.

    x, y: float32 [length, C], C whole vectors; the taps of a row are those `dilation` before it,
    its own and those after it. work: room for TAKEN rows of 3 C and of the first matrix' outputs.
    """
    zero, scales = fill(np.float32(0.0)), fill(scale)
    across = matrices[1, PANELS]
    row_bytes, hidden = across * _VECTOR, matrices[0, PANELS]
    taps, inner = work, work + TAKEN * 3 * row_bytes
    for begin in range(0, length, TAKEN):
        rows = min(TAKEN, length - begin)
        to = taps
        for row in range(begin, begin + rows):
            for at in range(row - dilation, row + dilation + 1, dilation):
                there = 0 <= at < length
                for i in range(across):
                    v = load(x + at * row_bytes + i * _VECTOR) if there else zero
                    store(to, larger(v, zero))
                    to += _VECTOR
        multiply_rows(taps, 3 * row_bytes, matrices[0], rows, inner, hidden * _VECTOR)
        for i in range(rows * hidden):
            store(inner + i * _VECTOR, larger(load(inner + i * _VECTOR), zero))
        out = y + begin * row_bytes
        multiply_rows(inner, hidden * _VECTOR, matrices[1], rows, out, row_bytes)
        for i in range(rows * across):
            v = load(x + begin * row_bytes + i * _VECTOR)
            store(out + i * _VECTOR, multiply_add(load(out + i * _VECTOR), scales, v))


@_compiled("void(i8[::1], i8, i8, i8, i8, i8, i8)")
def embed(ids, table, position, plus, plus_stride, width, x):
    """Rows of a table by their ids, plus a position's vector, plus one of each row unless 0."""
    for row in range(len(ids)):
        out = x + row * 4 * _padded(width)
        _sum(table + ids[row] * width * 4, position, width, out)
        if plus != 0:
            _sum(out, plus + row * plus_stride, width, out)


@_inner
def _at_least(shares, least):
    """What those of at least `least` add up to."""
    sum_ = np.int64(0)
    for i in range(len(shares)):
        sum_ += shares[i] * (shares[i] >= least)  # without a branch: whole vectors at a time
    return sum_


@_inner
def _rule_out(shares, all_, top_p):
    """Makes 0 of the shares that top-p rules out, the later ones of equals. Returns the rest's sum.

    Looks for the smallest share that stays: all from it on are more than top_p of `all_`, all
    above it are not.
    """
    limit = np.int64(top_p * all_)
    if all_ <= limit:
        return all_
    # Those up to the one that is looked for are as much as is more than the limit, or more.
    low, high, high_sum = (all_ - limit) // len(shares), ONE + 1, np.int64(0)
    low_sum = _at_least(shares, low)
    # Two of at least `low` would add up to twice that: one alone is left between the two.
    while high - low > 1 and low_sum - high_sum >= 2 * low:
        half = (low + high) // 2 if high < 2 * low else np.int64(np.sqrt(float(low) * float(high)))
        middle = max(half, low + 1)
        sum_ = _at_least(shares, middle)
        if sum_ > limit:
            low, low_sum = middle, sum_
        else:
            high, high_sum = middle, sum_
    if high - low > 1:
        for i in range(len(shares)):
            shares[i] *= shares[i] >= low
        return low_sum
    # Equal ones, as many of them as it takes.
    rest = np.int64(0)
    for i in range(len(shares)):
        if shares[i] < low or (shares[i] == low and high_sum + rest > limit):
            shares[i] = 0
        elif shares[i] == low:
            rest += low
    return high_sum + rest


@_compiled("b1(f4[:, ::1], f8[:, :], i8, f4, f8, i8[::1])")
def draw_rows(logits, table, position, temperature, top_p, ids):
    """A code of each row, by the uniform table[row, position], into ids.

    Shares are whole numbers, so that they add up to the same in any order. Returns False where a
    row is none that can be drawn from; ids mean nothing then.
    """
    codes = logits.shape[1]
    vectors_ = -(-codes // LANES)
    scaled = np.empty(vectors_ * LANES, np.float32)
    shares = np.empty(codes, np.int64)
    at = scaled.ctypes.data
    for row in range(len(logits)):
        scaled[codes:] = -np.inf  # what was in it became a share
        odd = np.int64(0)
        for i in range(codes):
            scaled[i] = logits[row, i] / temperature
            odd += scaled[i] != scaled[i]
        most = fill(np.float32(-np.inf))
        for i in range(vectors_):
            most = larger(load(at + i * _VECTOR), most)
        top = largest(most)
        if odd or not np.isfinite(top):
            return False
        most = fill(top)
        for i in range(vectors_):
            store(at + i * _VECTOR, exp(subtract(load(at + i * _VECTOR), most)))
        all_ = np.int64(0)
        for i in range(codes):
            shares[i] = np.int64(scaled[i] * np.float32(ONE))
            all_ += shares[i]
        if top_p > 0.0:
            all_ = _rule_out(shares, all_, top_p)
        target = table[row, position] * all_
        sum_, drawn = np.int64(0), 0
        while sum_ <= target and drawn < codes:
            sum_ += shares[drawn]
            drawn += 1
        drawn -= 1
        while shares[drawn] == 0:  # the product was rounded up to the sum
            drawn -= 1
        ids[row] = drawn
    return True
