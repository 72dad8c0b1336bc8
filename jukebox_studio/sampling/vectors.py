"""Vectors of sixteen floats for functions that numba compiles: what LLVM has and numba does not.

LLVM splits them where a processor's registers are shorter (two of AVX2, four of NEON). Memory is
given by addresses, whole numbers that count bytes; nothing here checks them.
"""

from __future__ import annotations

import inspect
import struct
import sys
from collections.abc import Callable
from typing import Any, Literal

from llvmlite import ir
from llvmlite.ir import IRBuilder as Builder
from llvmlite.ir import Value
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic, models, register_model

LANES = 16
CAN_YIELD = sys.platform != "win32"

_FLOAT, _BYTE, _INT, _LONG = ir.FloatType(), ir.IntType(8), ir.IntType(32), ir.IntType(64)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)


class _FloatsType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="floats16")


@register_model(_FloatsType)
class _FloatsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


_floats = _FloatsType()
_float, _address, _whole = types.float32, types.int64, types.int64


def _operation(result: types.Type, *arguments: types.Type) -> Callable[[Callable[..., Any]], Any]:
    """What numba calls with arguments of these types, from a function that builds it."""

    def made(build: Callable[..., Any]) -> Any:
        def typed(_context: Any, *_given: Any) -> Any:
            def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
                done = build(builder, *values)
                return context.get_dummy_value() if result is types.void else done

            return result(*arguments), generate

        typed.__name__ = build.__name__
        # numba wants to see how many arguments there are; the builder is in place of the context.
        typed.__signature__ = inspect.signature(build)  # type: ignore[attr-defined]
        return intrinsic(typed)

    return made


def _called(builder: Builder, name: str, out: ir.Type, *args: Value) -> Value:
    kind = ir.FunctionType(out, [a.type for a in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _at(builder: Builder, address: Value, kind: ir.Type) -> Value:
    return builder.inttoptr(address, kind.as_pointer())


def _filled(builder: Builder, value: Value) -> Value:
    kind = ir.VectorType(value.type, LANES)
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_INTS, [0] * LANES))


def _all(value: float) -> ir.Constant:
    single = struct.unpack("f", struct.pack("f", value))[0]
    return ir.Constant(_FLOATS, [single] * LANES)


def _fma(builder: Builder, a: Value, b: Value, c: Value) -> Value:
    if _is_fused():
        return _called(builder, "llvm.fma.v16f32", _FLOATS, a, b, c)
    return builder.fadd(builder.fmul(a, b), c)


def _lanes_below(builder: Builder, count: Value) -> Value:
    numbers = ir.Constant(_INTS, list(range(LANES)))
    return builder.icmp_signed("<", numbers, _filled(builder, builder.trunc(count, _INT)))


# Memory ------------------------------------------------------------------------------------------


@_operation(_floats, _address)
def load(b: Builder, address: Value) -> Value:
    return b.load(_at(b, address, _FLOATS), align=4)


@_operation(types.void, _address, _floats)
def store(b: Builder, address: Value, v: Value) -> None:
    b.store(v, _at(b, address, _FLOATS), align=4)


@_operation(types.void, _address, _floats, _whole)
def store_first(b: Builder, address: Value, v: Value, count: Value) -> None:
    """Only the first `count` lanes."""
    pointer, mask = _at(b, address, _FLOATS), _lanes_below(b, count)
    kind = ir.FunctionType(ir.VoidType(), [_FLOATS, pointer.type, _INT, mask.type])
    f = cgutils.get_or_insert_function(b.module, kind, "llvm.masked.store.v16f32.p0")
    b.call(f, [v, pointer, ir.Constant(_INT, 4), mask])


@_operation(_float, _address)
def get(b: Builder, address: Value) -> Value:
    return b.load(_at(b, address, _FLOAT))


@_operation(types.void, _address, _float)
def put(b: Builder, address: Value, value: Value) -> None:
    b.store(value, _at(b, address, _FLOAT))


@_operation(_whole, _address)
def get_whole(b: Builder, address: Value) -> Value:
    return b.load(_at(b, address, _LONG))


@_operation(types.void, _address, _floats)
def store_bytes(b: Builder, address: Value, v: Value) -> None:
    """Rounded to whole numbers from -128 to 127, and stored with 128 added."""
    kind = ir.VectorType(_BYTE, LANES)
    rounded = _called(b, "llvm.roundeven.v16f32", _FLOATS, v)
    whole = b.add(b.fptosi(rounded, _INTS), ir.Constant(_INTS, [128] * LANES))
    b.store(b.trunc(whole, kind), _at(b, address, kind), align=1)


# Arithmetic --------------------------------------------------------------------------------------


@_operation(_floats, _float)
def fill(b: Builder, value: Value) -> Value:
    return _filled(b, value)


@_operation(_floats, _floats, _floats)
def add(b: Builder, x: Value, y: Value) -> Value:
    return b.fadd(x, y)


@_operation(_floats, _floats, _floats)
def subtract(b: Builder, x: Value, y: Value) -> Value:
    return b.fsub(x, y)


@_operation(_floats, _floats, _floats)
def multiply(b: Builder, x: Value, y: Value) -> Value:
    return b.fmul(x, y)


@_operation(_floats, _floats, _floats)
def divide(b: Builder, x: Value, y: Value) -> Value:
    return b.fdiv(x, y)


@_operation(_floats, _floats, _floats, _floats)
def multiply_add(b: Builder, x: Value, y: Value, z: Value) -> Value:
    """x y + z, rounded once where the processor can."""
    return _fma(b, x, y, z)


@_operation(_floats, _floats, _floats)
def larger(b: Builder, x: Value, y: Value) -> Value:
    return b.select(b.fcmp_ordered(">", x, y), x, y)


@_operation(_floats, _floats)
def absolute(b: Builder, x: Value) -> Value:
    return _called(b, "llvm.fabs.v16f32", _FLOATS, x)


@_operation(_floats, _floats, _whole, _float)
def first(b: Builder, v: Value, count: Value, other: Value) -> Value:
    """The first `count` lanes, `other` in the rest."""
    return b.select(_lanes_below(b, count), v, _filled(b, other))


@_operation(_float, _floats)
def total(b: Builder, v: Value) -> Value:
    """Of all lanes, always added in one order."""
    for half in (8, 4, 2, 1):
        lanes = ir.Constant(_INTS, [(i + half) % LANES for i in range(LANES)])
        v = b.fadd(v, b.shuffle_vector(v, v, lanes))
    return b.extract_element(v, ir.Constant(_INT, 0))


@_operation(_float, _floats)
def largest(b: Builder, v: Value) -> Value:
    for half in (8, 4, 2, 1):
        lanes = ir.Constant(_INTS, [(i + half) % LANES for i in range(LANES)])
        other = b.shuffle_vector(v, v, lanes)
        v = b.select(b.fcmp_ordered(">", v, other), v, other)
    return b.extract_element(v, ir.Constant(_INT, 0))


@_operation(_floats, _floats)
def exp(b: Builder, x: Value) -> Value:
    """Within 2 units of the last place; from -87 down it no longer falls, from 88 up it is huge."""
    x = b.select(b.fcmp_ordered("<", x, _all(-87.0)), _all(-87.0), x)
    x = b.select(b.fcmp_ordered(">", x, _all(88.0)), _all(88.0), x)
    # exp(x) = 2^n exp(r), |r| <= ln(2) / 2; ln 2 in two parts, so that r is exact.
    n = _called(b, "llvm.roundeven.v16f32", _FLOATS, b.fmul(x, _all(1.44269504)))
    r = _fma(b, n, _all(-0.693359375), x)
    r = _fma(b, n, _all(2.12194440e-4), r)
    sum_ = _all(1 / 5040)
    for factorial in (720, 120, 24, 6, 2, 1, 1):
        sum_ = _fma(b, sum_, r, _all(1 / factorial))
    exponent = b.add(b.fptosi(n, _INTS), ir.Constant(_INTS, [127] * LANES))
    power = b.bitcast(b.shl(exponent, ir.Constant(_INTS, [23] * LANES)), _FLOATS)
    return b.fmul(sum_, power)


def processor() -> tuple[str, str, str]:
    """What numba compiles for: a system, a processor's name, what that can do (`+avx2,-avx512f`).

    Not always this machine's own: NUMBA_CPU_NAME and NUMBA_CPU_FEATURES choose another. LLVM ends
    the process where it is given an operation that the processor does not have.
    """
    compiled_for: tuple[str, str, str] = cpu_target.target_context.codegen().magic_tuple()
    return compiled_for


def _has(feature: str) -> bool:
    return f"+{feature}" in processor()[2].split(",")


def _is_fused() -> bool:
    """Whether products are added in one operation. Before AVX2, LLVM would call a function of the C
    library for each number, tens of times as slow; other families all have it."""
    return _has("fma") or not processor()[0].startswith(("x86_64", "i686"))


def widest() -> int:
    """How many vectors of outputs, and rows, a tile has at most: as the registers allow."""
    return 4 if _has("avx512f") else 2


# Products ----------------------------------------------------------------------------------------

AHEAD = 8192
"""Bytes of weights that are asked for before they are needed."""


class _Grid:
    """Sums of a tile, which LLVM keeps in registers, and where its parts are."""

    def __init__(self, b: Builder, rows: int, panels: int, kind: ir.Type) -> None:
        self.b, self.rows, self.panels, self.kind = b, rows, panels, kind
        self.sums = [[cgutils.alloca_once(b, kind) for _ in range(panels)] for _ in range(rows)]

    def of_panels(self, address: Value, kind: ir.Type) -> list[Value]:
        start = _at(self.b, address, kind)
        places = [self.b.gep(start, [ir.Constant(_LONG, p)]) for p in range(self.panels)]
        return [self.b.load(place, align=4) for place in places]

    def of_rows(self, address: Value, stride: Value, kind: ir.Type) -> list[Value]:
        b = self.b
        starts = [b.add(address, b.mul(stride, ir.Constant(_LONG, r))) for r in range(self.rows)]
        return [_at(b, start, kind) for start in starts]

    def begin(self, values: list[Value]) -> None:
        for of_row in self.sums:
            for place, value in zip(of_row, values, strict=True):
                self.b.store(value, place)

    def add_up(self, x: list[Value], count: Value, w: Value, add: Callable[..., Value]) -> None:
        """For `count` times: one value of each row with the next weights of each panel."""
        b, weights = self.b, _at(self.b, w, self.kind)
        with cgutils.for_range(b, count) as loop:
            here = b.mul(loop.index, ir.Constant(_LONG, self.panels))
            places = [
                b.gep(weights, [b.add(here, ir.Constant(_LONG, p))]) for p in range(self.panels)
            ]
            for place in places:
                _fetch(b, b.gep(place, [ir.Constant(_LONG, AHEAD // 64)]))
            of = [b.load(place, align=4) for place in places]
            for source, of_row in zip(x, self.sums, strict=True):
                value = _filled(b, b.load(b.gep(source, [loop.index]), align=4))
                for weight, place in zip(of, of_row, strict=True):
                    b.store(add(b, b.load(place), value, weight), place)

    def end(self, y: Value, stride: Value, ended: Callable[[int, int, Value], Value]) -> None:
        outs = self.of_rows(y, stride, _FLOATS)
        for r, of_row in enumerate(self.sums):
            for p, place in enumerate(of_row):
                value = ended(r, p, self.b.load(place))
                self.b.store(value, self.b.gep(outs[r], [ir.Constant(_LONG, p)]), align=4)


def _fetch(b: Builder, pointer: Value) -> None:
    constants = [ir.Constant(_INT, v) for v in (0, 3, 1)]  # to be read, and kept
    kind = ir.FunctionType(ir.VoidType(), [pointer.type, _INT, _INT, _INT])
    f = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
    b.call(f, [pointer, *constants])


def tile(rows: int, panels: int) -> Any:
    """y = bias + x w of `rows` rows and 16 `panels` outputs, added up in the order of the inputs.

    x: float32 [rows, inputs], y: float32 [rows, 16 panels], their strides in bytes; w: float32
    [inputs, 16 panels], without a gap; bias: float32 [16 panels].
    """
    arguments = _address, _whole, _whole, _address, _address, _address, _whole

    @_operation(types.void, *arguments)
    def product(
        b: Builder,
        x: Value,
        x_stride: Value,
        inputs: Value,
        w: Value,
        bias: Value,
        y: Value,
        y_stride: Value,
    ) -> None:
        grid = _Grid(b, rows, panels, _FLOATS)
        grid.begin(grid.of_panels(bias, _FLOATS))
        sources = grid.of_rows(x, x_stride, _FLOAT)
        grid.add_up(sources, inputs, w, lambda b, sum_, value, of: _fma(b, value, of, sum_))
        grid.end(y, y_stride, lambda r, p, sum_: sum_)

    return product


Bytes = Literal["of 512 bits", "of 256 bits", "in pairs", "by shifts"]
"""How products of bytes are added up."""


def way_with_bytes() -> Bytes:
    """The best that this processor has."""
    if _has("avx512vnni"):
        return "of 512 bits"
    if _has("avxvnni"):
        return "of 256 bits"
    return "in pairs" if _has("avx2") else "by shifts"


def whole_tile(rows: int, panels: int, way: Bytes | None = None) -> Any:
    """y = bias + (x - 128) w steps row_step of `rows` rows and 16 `panels` outputs.

    x: uint8 [rows, 4 quads], w: int8 [quads, 16 panels, 4]; minus_128: int32 [16 panels], of each
    output -128 times the sum of its weights; steps, bias: float32 [16 panels]; row_steps: float32
    [rows]. Sums are exact. way: None for this processor's.
    """
    products = _products_of_bytes(way or way_with_bytes())
    arguments = (_address, _whole, _whole, *[_address] * 6, _whole)

    @_operation(types.void, *arguments)
    def product(
        b: Builder,
        x: Value,
        x_stride: Value,
        quads: Value,
        w: Value,
        minus_128: Value,
        steps: Value,
        bias: Value,
        row_steps: Value,
        y: Value,
        y_stride: Value,
    ) -> None:
        grid = _Grid(b, rows, panels, _INTS)
        grid.begin(grid.of_panels(minus_128, _INTS))
        grid.add_up(grid.of_rows(x, x_stride, _INT), quads, w, products)
        of_columns = grid.of_panels(steps, _FLOATS)
        biases = grid.of_panels(bias, _FLOATS)
        step_of = _at(b, row_steps, _FLOAT)
        of_rows = [_filled(b, b.load(b.gep(step_of, [ir.Constant(_LONG, r)]))) for r in range(rows)]

        def ended(r: int, p: int, sum_: Value) -> Value:
            scaled = b.fmul(b.sitofp(sum_, _FLOATS), of_columns[p])
            return _fma(b, scaled, of_rows[r], biases[p])

        grid.end(y, y_stride, ended)

    return product


def _products_of_bytes(way: Bytes) -> Callable[..., Value]:
    """Adds to each lane the four products of an unsigned byte of x with a signed one of w."""
    half = ir.VectorType(_INT, LANES // 2)

    def of_512(b: Builder, sum_: Value, x: Value, w: Value) -> Value:
        return _called(b, "llvm.x86.avx512.vpdpbusd.512", _INTS, sum_, x, w)

    def of_256(b: Builder, sum_: Value, x: Value, w: Value) -> Value:
        def added(*part: Value) -> Value:
            return _called(b, "llvm.x86.avx512.vpdpbusd.256", half, *part)

        return _in_halves(b, added, sum_, x, w)

    def in_pairs(b: Builder, sum_: Value, x: Value, w: Value) -> Value:
        shorts = ir.VectorType(ir.IntType(16), 2 * LANES)
        eight = ir.Constant(shorts, [8] * 2 * LANES)
        x, w = b.bitcast(x, shorts), b.bitcast(w, shorts)
        low = b.lshr(b.shl(x, eight), eight), b.ashr(b.shl(w, eight), eight)
        high = b.lshr(x, eight), b.ashr(w, eight)

        def added(*part: Value) -> Value:
            return _called(b, "llvm.x86.avx2.pmadd.wd", half, *part)

        for pair in (low, high):
            sum_ = b.add(sum_, _in_halves(b, added, *pair))
        return sum_

    def by_shifts(b: Builder, sum_: Value, x: Value, w: Value) -> Value:
        for place in (24, 16, 8, 0):  # the bits above each byte are pushed out
            left, right = (ir.Constant(_INTS, [bits] * LANES) for bits in (place, 24))
            value, weight = b.lshr(b.shl(x, left), right), b.ashr(b.shl(w, left), right)
            sum_ = b.add(sum_, b.mul(value, weight))
        return sum_

    ways: dict[Bytes, Callable[..., Value]] = {
        "of 512 bits": of_512,
        "of 256 bits": of_256,
        "in pairs": in_pairs,
        "by shifts": by_shifts,
    }
    return ways[way]


def _in_halves(b: Builder, function: Callable[..., Value], *vectors: Value) -> Value:
    """A function of vectors of half the length, of the first and the second halves."""
    parts = []
    for second in (0, 1):
        of_half = []
        for v in vectors:
            size = v.type.count // 2
            lanes = ir.Constant(ir.VectorType(_INT, size), [second * size + i for i in range(size)])
            of_half.append(b.shuffle_vector(v, ir.Constant(v.type, ir.Undefined), lanes))
        parts.append(function(*of_half))
    return b.shuffle_vector(*parts, ir.Constant(_INTS, list(range(LANES))))


# Threads -----------------------------------------------------------------------------------------


@_operation(_whole, _address)
def count_up(b: Builder, address: Value) -> Value:
    """Adds one where other threads do too; what stood there before."""
    one = ir.Constant(_LONG, 1)
    return b.atomic_rmw("add", _at(b, address, _LONG), one, "seq_cst")


@_operation(_whole, _address)
def get_shared(b: Builder, address: Value) -> Value:
    return b.load_atomic(_at(b, address, _LONG), "seq_cst", 8)


@_operation(types.void)
def give_way(b: Builder) -> None:
    """Lets another thread have the processor."""
    if CAN_YIELD:
        _called(b, "sched_yield", _INT)
