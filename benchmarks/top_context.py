"""What less music before them costs codes of the top level: bits, on music not trained on.

    python benchmarks/top_context.py --data DATA --cache CACHE [--model starter] [--windows 3]

DATA and CACHE as for precision_bits.py. The same 128 codes of held-out recordings are predicted
with so and so many codes before them, up to all that a window that hops by 128 has. Differences are
those to the most, with their 95 % interval over places.
"""

from __future__ import annotations

import argparse
import math
import statistics

import torch
from held_out_codes import add_options, held_out  # beside this file
from precision_bits import sampler_logits  # beside this file
from torch.nn import functional as F

BEFORE = (896, 768, 640, 512, 256)
NEW = 128


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, windows=3)
    given = parser.parse_args()
    held = held_out(given)
    level = held.levels[0]
    prior, windows = held.windows(level)
    most, n_ctx = max(BEFORE), prior.config.n_ctx
    found: dict[int, list[float]] = {before: [] for before in BEFORE}
    for track in windows.tracks:
        latest = len(track.levels[level]) - n_ctx + min(BEFORE)
        if latest < most:
            continue
        count = min(given.windows, 1 + (latest - most) // n_ctx)
        for i in range(count):
            start = most + (latest - most) * i // max(1, count - 1)
            batch = windows.collate([(track, start - before) for before in BEFORE])
            logits = sampler_logits(prior, batch, "float32")
            for row, before in enumerate(BEFORE):
                at = slice(before, before + NEW)
                bits = F.cross_entropy(logits[row, at], batch.codes[row, at]) / math.log(2)
                found[before].append(float(bits))
    print(f"{len(found[most])} places\n\n| codes before | bits | more |\n|---|---|---|")
    for before, bits in found.items():
        more = [a - b for a, b in zip(bits, found[most], strict=True)]
        spread = 1.96 * statistics.stdev(more) / math.sqrt(len(more)) if before < most else 0.0
        mean, change = statistics.fmean(bits), statistics.fmean(more)
        print(f"| {before} | {mean:.4f} | {change:+.4f} ± {spread:.4f} |")


if __name__ == "__main__":
    main()
