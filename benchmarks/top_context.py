"""What less music before them costs codes of the top level: bits, on music not trained on.

    python benchmarks/top_context.py --data DATA --cache CACHE [--model starter] [--windows 3]

DATA and CACHE as for int8_bits.py. The same 128 codes of held-out recordings are predicted with
so and so many codes before them, up to all that a window that hops by 128 has. Differences are
those to the most, with their 95 % interval over places.
"""

from __future__ import annotations

import argparse
import math
import statistics
from pathlib import Path

import torch
from int8_bits import sampler_logits  # beside this file
from torch.nn import functional as F

from jukebox_studio.bundle import find_bundle
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.training.codes import CodeWindows, encode_tracks
from jukebox_studio.training.data import decode_tracks, read_table

BEFORE = (896, 768, 640, 512, 256)
NEW = 128


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=3, help="of each track, at most")
    given = parser.parse_args()
    bundle = find_bundle(given.model)
    rate, level = bundle.manifest.sample_rate_hz, max(bundle.manifest.priors)
    sounds = decode_tracks(read_table(given.data), rate, given.data / f"cache-{rate}")
    held = [s for s in sounds if s.track.split == given.split]
    coded = encode_tracks(load_vqvae(bundle), held, given.cache / "codes")
    tables = LabelTables.from_file(bundle.labels_path(bundle.manifest.label_versions[0]))
    prior = load_prior(bundle, level)
    windows = CodeWindows(coded, prior.config, tables, seed=0)
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
