"""Encoding and decoding in chunks at the published shape: the same numbers, bounded memory.

    python benchmarks/chunked_vqvae.py --seconds 10 --compare
    python benchmarks/chunked_vqvae.py --seconds 600

The first compares with one pass over the whole audio, code by code and sample by sample, and in
time; RESULTS keeps the seconds that a second of audio takes. The second prints the peak of the
process's memory, which has to stay under 2 GB. Weights are random.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch

from jukebox_studio.model.config import PUBLISHED_VQVAE
from jukebox_studio.model.vqvae import VQVAE

RESULTS = Path(__file__).parent / "results" / "chunked_vqvae.json"
LEAST_MARGIN = 1e-5
LARGEST_DIFFERENCE = 1e-5
MOST_MEMORY_GB = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--chunk-seconds", type=float, default=4.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = PUBLISHED_VQVAE
    model = VQVAE(config).eval().requires_grad_(False)
    length = round(options.seconds * config.sample_rate_hz) // 128 * 128
    time_axis = torch.arange(length) / config.sample_rate_hz
    audio = 0.3 * torch.sin(2 * torch.pi * (110 + 20 * time_axis) * time_axis)
    audio = (audio + 0.05 * torch.randn(length))[None, :, None]
    good, results = True, dict[str, dict[str, float]]()
    for level in range(config.levels):
        codebook = model.codebook(level)
        probe = model.encoder_output(audio[:, : 128 * 1000], level)
        spread = torch.randn(config.codebook_size, config.emb_width)
        codebook.k = probe.mean((0, 2)) + probe.std((0, 2)) * spread
        start = time.perf_counter()
        codes = model.encode_chunked(audio, level, options.chunk_seconds)
        encoded = time.perf_counter()
        peak = 0.0
        size_codes = round(
            options.chunk_seconds * config.sample_rate_hz / config.hop_samples(level)
        )
        for piece in model.decode_pieces(codes, level, size_codes):
            peak = max(peak, float(piece.abs().max()))
        decoded = time.perf_counter()
        memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"level {level}: {options.seconds:g} s of audio, "
            f"encode {(encoded - start) / options.seconds:.3f} s/s, "
            f"decode {(decoded - encoded) / options.seconds:.3f} s/s, "
            f"peak memory {memory_gb:.2f} GB",
            flush=True,
        )
        if options.compare:
            results[f"level {level}"] = took = {
                "encode": (encoded - start) / options.seconds,
                "decode": (decoded - encoded) / options.seconds,
            }
            good &= compare(model, audio, codes, level, options.chunk_seconds, took)
        else:
            good &= memory_gb < MOST_MEMORY_GB
    if results:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("as it should be" if good else "NOT as it should be")
    return 0 if good else 1


def compare(
    model: VQVAE,
    audio: torch.Tensor,
    codes: torch.Tensor,
    level: int,
    chunk_seconds: float,
    took: dict[str, float],
) -> bool:
    """Whether both ways give the same; `took` gets the seconds of one pass."""
    seconds = audio.shape[1] / model.config.sample_rate_hz
    start = time.perf_counter()
    encoded = model.encoder_output(audio, level)
    codebook = model.codebook(level)
    whole, wrong, excused = codebook.encode(encoded)[0], 0, 0
    took["encode at once"] = (time.perf_counter() - start) / seconds
    for start in range(0, codes.shape[1], 4096):
        part = slice(start, start + 4096)
        best = codebook.distances(encoded[0, :, part].T).topk(2, largest=False).values
        differs = whole[part] != codes[0, part]
        clear = best[:, 1] - best[:, 0] >= LEAST_MARGIN
        wrong += int((differs & clear).sum())
        excused += int((differs & ~clear).sum())
    start = time.perf_counter()
    once = model.decode([codes], level)
    took["decode at once"] = (time.perf_counter() - start) / seconds
    chunked = model.decode_chunked(codes, level, chunk_seconds)
    difference = float((once - chunked).abs().max())
    print(
        f"  {codes.shape[1]} codes, {len(whole.unique())} kinds: {wrong} differ, "
        f"{excused} more within {LEAST_MARGIN:g} of a tie; audio differs by {difference:.2e}; at "
        f"once: encode {took['encode at once']:.3f} s/s, decode {took['decode at once']:.3f} s/s"
    )
    return wrong == 0 and difference <= LARGEST_DIFFERENCE


if __name__ == "__main__":
    sys.exit(main())
