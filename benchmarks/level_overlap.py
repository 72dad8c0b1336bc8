"""Whether it pays to begin the level below before the top has ended.

    python benchmarks/level_overlap.py [--threads 1 2] [--seconds 8] [--variants 4]

Steps of the starter's two levels are timed with as many rows as each order of work has, and the
times of the orders are added up from them: the bottom after the whole top, all of its segments side
by side; or the bottom's segment over each window of the top as soon as that is there, on the same
threads by turns, or on one thread each. Priming, conditioning and decoding are alike in all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from jukebox_studio.bundle import find_bundle
from jukebox_studio.model.load import load_prior
from jukebox_studio.model.prior import Prior
from jukebox_studio.operations import FAST_HOP_FRACTION
from jukebox_studio.sampling.decode import Decoder
from jukebox_studio.sampling.segments import split_stretch

RESULTS = Path(__file__).parent / "results" / "level_overlap.json"


def step_seconds(prior: Prior, rows: int, steps: int = 60) -> float:
    """A step of `rows` in the middle of a window, the median."""
    config = prior.config
    conditioner = config.conditioner
    above = None
    if conditioner:
        above = torch.zeros((rows, config.n_ctx // conditioner.codes_per_code_above)).long()
    y = torch.zeros((rows, 9 + (config.lyrics.n_tokens if config.lyrics else 0))).long()
    y[:, 0], y[:, 2] = 60 * config.sample_rate_hz, config.sample_length
    lyrics = prior.encoder_kv(prior.lyric_tokens(y, None))
    decoder = Decoder(prior, rows, prior.conditioning(y, above), lyrics)
    decoder.prime(torch.zeros((rows, config.n_ctx // 2)).long())
    ids, took = torch.zeros(rows).long(), []
    for _ in range(steps):
        began = time.perf_counter()
        decoder.step(ids)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--variants", type=int, default=4)
    given = parser.parse_args()
    bundle = find_bundle("starter")
    top, bottom = load_prior(bundle, 1), load_prior(bundle, 0)
    rate = top.config.sample_rate_hz
    top_steps = int(given.seconds * rate / top.config.hop_samples)
    new = int(given.seconds * rate / bottom.config.hop_samples)
    n_ctx, known = bottom.config.n_ctx, bottom.config.n_ctx // 2
    assert bottom.config.conditioner is not None
    ratio = bottom.config.conditioner.codes_per_code_above
    segments = split_stretch(known, known + new, known, n_ctx, ratio)
    longest = max(w.length for w in segments)
    rows = 2 * given.variants  # stereo
    windows = -(-top_steps // int(FAST_HOP_FRACTION * top.config.n_ctx))
    window = top_steps / windows
    found = {}
    print(
        "| threads | order | all sampled, s | first segment of the bottom, s |\n|---|---|---|---|"
    )
    for threads in given.threads:
        torch.set_num_threads(threads)
        a_top = step_seconds(top, given.variants)
        a_few, a_many = (step_seconds(bottom, n) for n in (rows, rows * len(segments)))
        above, below = top_steps * a_top, longest * a_few
        orders = {"one level after the other": (above + longest * a_many,) * 2}
        by_turns = above + len(segments) * below
        first = window * a_top + below
        orders["by turns"] = by_turns, first
        if threads == 1:
            both = max(above, window * a_top + len(segments) * below)
            orders["side by side, a thread each"] = max(both, above + below), first
        for order, (whole, first_s) in orders.items():
            print(f"| {threads} | {order} | {whole:.2f} | {first_s:.2f} |", flush=True)
        found[str(threads)] = {
            "step_ms": {"top": a_top * 1e3, "segment": a_few * 1e3, "all": a_many * 1e3},
            "seconds": orders,
        }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
