"""Matrix products with the chosen experts of a layer straight from NF4, in Triton.

One launch computes `silu(w1 x) * (w3 x)` of all chosen experts, another one `w2`; which experts
they are is read on the device. Weights are in bitsandbytes' layout: two weights a byte, the first
one in the upper half; a scale of 8 bits per 64 weights, itself a step of a table, times a float
per 256 scales, plus an offset. `few` is for a few tokens: each pair of a token and an expert reads
the expert's weights by itself. `many` is for a prefill: pairs are sorted by expert, and a tile of
weights is unpacked once for up to `TOKENS` of them.

Importing this needs triton; `models.reasoning.mixtral.grouped` does it where there is one.
"""

# ruff: noqa: ANN001, ANN201, ANN202, N803, PLR0917 - Triton reads annotations, takes pointers by
# position, and writes what is constant at compile time in capitals
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import triton  # type: ignore[import-untyped]
import triton.language as tl  # type: ignore[import-untyped]

BLOCK = tl.constexpr(64)
"""Weights per scale."""
NESTED = tl.constexpr(256)
"""Scales per float."""


@triton.jit
def _scales(steps, nested, offset, table, number, mask):
    """The scales of the blocks `number` of one expert, in float32; nothing where not `mask`."""
    step = tl.load(steps + number, mask=mask, other=0).to(tl.int32)
    size = tl.load(nested + number // NESTED, mask=mask, other=0.0)
    return tl.where(mask, tl.load(table + step) * size + offset, 0.0)


@triton.jit
def _row_sums(
    vector,
    packed,
    steps,
    nested,
    offset,
    code,
    table,
    rows,
    outputs,
    INPUTS: tl.constexpr,
    ROWS: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """`rows` of one expert's matrix times one vector, summed in float32."""
    byte = tl.arange(0, CHUNK // 2)
    block = tl.arange(0, CHUNK // BLOCK)
    there = (rows < outputs)[:, None]
    total = tl.zeros((ROWS,), dtype=tl.float32)
    for start in range(0, INPUTS, CHUNK):
        column = start // 2 + byte
        inside = column < INPUTS // 2
        where = rows[:, None] * (INPUTS // 2) + column[None, :]
        pair = tl.load(packed + where, mask=there & inside[None, :], other=0).to(tl.int32)
        even = tl.load(vector + 2 * column, mask=inside, other=0.0).to(tl.float32)
        odd = tl.load(vector + 2 * column + 1, mask=inside, other=0.0).to(tl.float32)
        products = tl.load(code + (pair >> 4)) * even[None, :]
        products += tl.load(code + (pair & 15)) * odd[None, :]
        sums = tl.sum(tl.reshape(products, (ROWS, CHUNK // BLOCK, BLOCK // 2)), axis=2)
        group = start // BLOCK + block
        number = rows[:, None] * (INPUTS // BLOCK) + group[None, :]
        mask = there & (group < INPUTS // BLOCK)[None, :]
        total += tl.sum(sums * _scales(steps, nested, offset, table, number, mask), axis=1)
    return total


@triton.jit
def few(
    states,
    chosen,
    out,
    packed,
    steps,
    nested,
    offsets,
    other_packed,
    other_steps,
    other_nested,
    other_offsets,
    code,
    table,
    outputs,
    nested_count,
    INPUTS: tl.constexpr,
    SHARED_BY: tl.constexpr,
    GATED: tl.constexpr,
    ROWS: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """`ROWS` outputs of one pair; `SHARED_BY` pairs in a row have the same vector of `states`."""
    pair = tl.program_id(0).to(tl.int64)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    expert = tl.load(chosen + pair)
    vector = states + pair // SHARED_BY * INPUTS
    weight_at = expert * outputs * (INPUTS // 2)
    step_at = expert * outputs * (INPUTS // BLOCK)
    nested_at = expert * nested_count
    value = _row_sums(
        vector,
        packed + weight_at,
        steps + step_at,
        nested + nested_at,
        tl.load(offsets + expert),
        code,
        table,
        rows,
        outputs,
        INPUTS,
        ROWS,
        CHUNK,
    )
    if GATED:
        up = _row_sums(
            vector,
            other_packed + weight_at,
            other_steps + step_at,
            other_nested + nested_at,
            tl.load(other_offsets + expert),
            code,
            table,
            rows,
            outputs,
            INPUTS,
            ROWS,
            CHUNK,
        )
        value = value * tl.sigmoid(value) * up
    tl.store(out + pair * outputs + rows, value.to(out.dtype.element_ty), mask=rows < outputs)


@triton.jit
def _tile(
    vectors,
    half,
    present,
    packed,
    steps,
    nested,
    offset,
    code,
    table,
    rows,
    outputs,
    INPUTS: tl.constexpr,
    TOKENS: tl.constexpr,
    ROWS: tl.constexpr,
):
    """`TOKENS` vectors times `rows` of one expert's matrix; one block of weights a step.

    `vectors` points to the even elements of each; the odd ones lie `half` elements on.
    """
    byte = tl.arange(0, BLOCK // 2)
    there = rows < outputs
    total = tl.zeros((TOKENS, ROWS), dtype=tl.float32)
    for block in range(INPUTS // BLOCK):
        column = block * (BLOCK // 2) + byte
        where = rows[None, :] * (INPUTS // 2) + column[:, None]
        pair = tl.load(packed + where, mask=there[None, :], other=0).to(tl.int32)
        number = rows * (INPUTS // BLOCK) + block
        scale = _scales(steps, nested, offset, table, number, there)[None, :]
        even = tl.load(vectors[:, None] + column[None, :], mask=present[:, None], other=0.0)
        odd = tl.load(vectors[:, None] + half + column[None, :], mask=present[:, None], other=0.0)
        first = (tl.load(code + (pair >> 4)) * scale).to(even.dtype)
        second = (tl.load(code + (pair & 15)) * scale).to(odd.dtype)
        total = tl.dot(even, first, total, input_precision="ieee")
        total = tl.dot(odd, second, total, input_precision="ieee")
    return total


@triton.jit
def many(
    halves,
    half,
    order,
    tile_expert,
    tile_first,
    tile_end,
    out,
    packed,
    steps,
    nested,
    offsets,
    other_packed,
    other_steps,
    other_nested,
    other_offsets,
    code,
    table,
    outputs,
    nested_count,
    experts,
    INPUTS: tl.constexpr,
    SHARED_BY: tl.constexpr,
    GATED: tl.constexpr,
    TOKENS: tl.constexpr,
    ROWS: tl.constexpr,
):
    """One tile of up to `TOKENS` pairs of one expert; a tile without an expert does nothing.

    `order` holds the pairs sorted by expert; the tile's are `tile_first` up to `tile_end`.
    """
    tile = tl.program_id(1)
    expert = tl.load(tile_expert + tile)
    if expert < experts:
        rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
        place = tl.load(tile_first + tile) + tl.arange(0, TOKENS)
        present = place < tl.load(tile_end + tile)
        pair = tl.load(order + place, mask=present, other=0)
        vectors = halves + pair // SHARED_BY * (INPUTS // 2)
        weight_at = expert * outputs * (INPUTS // 2)
        step_at = expert * outputs * (INPUTS // BLOCK)
        nested_at = expert * nested_count
        value = _tile(
            vectors,
            half,
            present,
            packed + weight_at,
            steps + step_at,
            nested + nested_at,
            tl.load(offsets + expert),
            code,
            table,
            rows,
            outputs,
            INPUTS,
            TOKENS,
            ROWS,
        )
        if GATED:
            up = _tile(
                vectors,
                half,
                present,
                other_packed + weight_at,
                other_steps + step_at,
                other_nested + nested_at,
                tl.load(other_offsets + expert),
                code,
                table,
                rows,
                outputs,
                INPUTS,
                TOKENS,
                ROWS,
            )
            value = value * tl.sigmoid(value) * up
        where = pair[:, None] * outputs + rows[None, :]
        mask = present[:, None] & (rows < outputs)[None, :]
        tl.store(out + where, value.to(out.dtype.element_ty), mask=mask)
