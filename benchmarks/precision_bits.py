"""What fewer bits cost on music that the model was not trained on: bits per code, and logits.

    python benchmarks/precision_bits.py --data DATA [--model starter] [--split validation]
        [--cache CACHE] [--windows 4]

DATA is the folder that the starter's recipe makes, CACHE the one of `jukebox-studio evaluate`. All
precisions predict the same codes of the same windows, through the sampler's own stack.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from pathlib import Path
from typing import Any

import torch
from held_out_codes import add_options, held_out  # beside this file
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio.model.config import Precision
from jukebox_studio.model.prior import Prior
from jukebox_studio.sampling.decode import cached_stack, stack_logits
from jukebox_studio.training.codes import Batch, CodeWindows

COARSE: tuple[Precision, ...] = ("float16", "int8")
RESULTS = Path(__file__).parent / "results" / "precision_bits.json"


def sampler_logits(prior: Prior, batch: Batch, precision: Precision) -> Tensor:
    """Tensor[B, n_ctx, V]: what the sampler would draw each code from, given those before it."""
    tokens = prior.lyric_tokens(batch.y, None)
    conditioning = prior.conditioning(batch.y, batch.above)
    ids = prior.sequence(batch.codes, tokens)
    x_cond = prior.sequence_conditioning(conditioning)
    stack = cached_stack(prior.prior.transformer, len(ids), prior.encoder_kv(tokens), precision)
    h = stack.feed(prior.prior.embed(ids, x_cond, conditioning.y_cond))
    if prior.prior.conditions_output and x_cond is not None:
        h = h + x_cond
    logits = stack_logits(prior.prior, h.flatten(0, 1), precision)
    return logits.view(*ids.shape, -1)[:, -batch.codes.shape[1] :].float()


def bits(logits: Tensor, prior: Prior, batch: Batch) -> float:
    ids = prior.sequence(batch.codes, prior.lyric_tokens(batch.y, None))
    ids = ids[:, -batch.codes.shape[1] :]
    return float(F.cross_entropy(logits.flatten(0, 1), ids.flatten())) / math.log(2)


@torch.inference_mode()
def measure(prior: Prior, windows: CodeWindows, per_track: int) -> dict[str, float]:
    """Means over windows."""
    sums, count = dict[str, float](), 0
    half = copy.deepcopy(prior).half()
    for batch in windows.even(per_track, 4):
        rows = len(batch.codes)
        exact = sampler_logits(prior, batch, "float32")
        spread = (exact - exact.mean(dim=-1, keepdim=True)).norm()
        found = {
            "float32": bits(exact, prior, batch),
            "plain": float(prior.loss(batch.codes, batch.y, batch.above).codes),
        }
        for precision in COARSE:
            of = half if precision == "float16" else prior
            coarse = sampler_logits(of, batch, precision)
            found |= {
                precision: bits(coarse, prior, batch),
                f"{precision} error": float((coarse - exact).norm() / spread),
                f"{precision} same best": float(
                    (coarse.argmax(-1) == exact.argmax(-1)).float().mean()
                ),
            }
        for key, value in found.items():
            sums[key] = sums.get(key, 0.0) + rows * value
        count += rows
    return {"windows": count, **{key: value / count for key, value in sums.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_options(parser, windows=4)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    held = held_out(given)
    results: dict[str, Any] = {
        "model": held.bundle.manifest.name,
        "split": given.split,
        "levels": {},
    }
    print(
        "| level | windows | precision | bits | more than float32 | error of logits | same best |"
    )
    print("|---|---|---|---|---|---|---|")
    for level in held.levels:
        found = measure(*held.windows(level), given.windows)
        results["levels"][level] = found
        print(f"| {level} | {found['windows']:.0f} | float32 | {found['float32']:.4f} | | | |")
        for precision in COARSE:
            print(
                f"| {level} | {found['windows']:.0f} | {precision} | {found[precision]:.4f} | "
                f"{found[precision] - found['float32']:+.4f} | {found[f'{precision} error']:.2%} | "
                f"{found[f'{precision} same best']:.1%} |",
                flush=True,
            )
    given.results.parent.mkdir(parents=True, exist_ok=True)
    given.results.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
