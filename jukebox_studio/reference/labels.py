"""Names, lyrics, label vectors and timing bins against the golden vectors.

The tables of names are not part of a folder's cases: they lie in its `ids` or where `--ids` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import LabelConfig
from jukebox_studio.model.labels import (
    Labeller,
    LabelTables,
    Precision,
    Version,
    clean_lyrics,
    detokenize,
    lyric_window,
    timing_bins,
    tokenize,
    vocabulary_size,
    window_tokens,
)
from jukebox_studio.reference.folder import ReferenceFolder, Report
from jukebox_studio.reference.sampling import exact_rows

Row = Mapping[str, Any]

_VERSIONS: tuple[Version, ...] = ("v2", "v3")
_PATHS: dict[str, Precision] = {"python": "float64", "tensor": "float32"}


def reference_tables(folder: ReferenceFolder, version: Version) -> LabelTables:
    """The tables that belong to a folder. JukeboxError where there are none."""
    if not folder.ids_root.is_dir():
        raise JukeboxError(
            f"No label tables at {folder.ids_root}; name the original's `ids` folder with --ids."
        )
    return LabelTables.from_ids_folder(folder.ids_root, version)


def check(folder: ReferenceFolder, report: Report) -> None:
    """Run every case of `labels/`."""
    for name, run in (
        ("artist_genre", _check_names),
        ("text", _check_text),
        ("lyric_windows", _check_lyric_windows),
        ("labels", _check_labels),
        ("timing_bins", _check_timing_bins),
    ):
        with report.section(f"labels/{name}"):
            run(folder, report)


def _check_names(folder: ReferenceFolder, report: Report) -> None:
    cases = folder.json("labels/artist_genre.json")
    for version in _VERSIONS:
        case, rows = f"labels/artist_genre/{version}", cases[version]
        with report.section(case):
            tables = reference_tables(folder, version)
            find: dict[str, Callable[[Any], Any]] = {
                "artist": tables.artist_id,
                "genre": tables.genre_ids,
                "reverse_artist": tables.artist_name,
                "reverse_genre": tables.genre_name,
            }
            for key, function in find.items():
                got = [function(given) for given, _ in rows[key]]
                exact_rows(report, f"{case}/{key}", got, [want for _, want in rows[key]])
            counts: dict[str, int] = {}
            for kind, table in (("artist", tables.artists), ("genre", tables.genres)):
                ids = set(table.values())
                counts |= {f"{kind}_names": len(table), f"{kind}_ids": len(ids)}
                counts |= {f"{kind}_min": min(ids), f"{kind}_max": max(ids)}
            exact_rows(
                report, f"{case}/counts", sorted(counts.items()), sorted(rows["counts"].items())
            )


def _check_text(folder: ReferenceFolder, report: Report) -> None:
    cases = folder.json("labels/text.json")
    for version in _VERSIONS:
        case, group = f"labels/text/{version}", cases[version]
        cleaned = [clean_lyrics(row["text"], version) for row in group["cases"]]
        exact_rows(report, f"{case}/clean", cleaned, [row["clean"] for row in group["cases"]])
        tokens = [tokenize(text, version) for text in cleaned]
        exact_rows(report, f"{case}/tokens", tokens, [row["tokens"] for row in group["cases"]])
        texts = [detokenize(row["tokens"], version) for row in group["textise"]]
        exact_rows(report, f"{case}/textise", texts, [row["text"] for row in group["textise"]])
        vocabulary = [tokenize(group["vocab"], version), vocabulary_size(version)]
        want = [list(range(1, len(group["vocab"]) + 1)), group["n_vocab"]]
        exact_rows(report, f"{case}/vocab", vocabulary, want)


def _check_lyric_windows(folder: ReferenceFolder, report: Report) -> None:
    cases = folder.json("labels/lyric_windows.json")
    for group in ("rows", "float32_disagreements"):
        rows = cases[group]
        for path, precision in _PATHS.items():
            got = [_window_case(row, precision) for row in rows]
            want = [_window_expected(row[path]) for row in rows]
            exact_rows(report, f"labels/lyric_windows/{group}/{path}", got, want)


def _window_case(row: Row, precision: Precision) -> tuple[int, ...] | None:
    """First and last index and the padding of a case's window; None where it is refused."""
    try:
        indices = lyric_window(
            row["full_len"],
            row["n_tokens"],
            total_samples=row["total_length"],
            offset_samples=row["offset"],
            window_samples=row["duration"],
            precision=precision,
        )
    except (ValueError, JukeboxError):
        return None
    full = [(i * 37) % 78 + 1 for i in range(row["full_len"])]
    padding = int((window_tokens(full, indices) == 0).sum())
    return int(indices[0]), int(indices[-1]), padding


def _window_expected(want: Row) -> tuple[int, ...] | None:
    if "error" in want:
        return None
    # The few disagreements are listed without their padding: they have none.
    return want["first"], want["last"], want.get("n_pad", 0)


def _check_labels(folder: ReferenceFolder, report: Report) -> None:
    rows = folder.json("labels/labels.json")
    tables = {version: reference_tables(folder, version) for version in _VERSIONS}
    for number, row in enumerate(rows):
        case = f"labels/labels/{row['labeller']}/{number}"
        with report.section(case):
            args, meta = row["args"], row["meta"]
            labeller = Labeller(
                tables["v3" if args["v3"] else "v2"],
                max_genres=args["max_genre_words"],
                n_tokens=args["n_tokens"],
                sample_length=args["sample_length"],
            )
            label = labeller.label(
                artist=meta["artist"],
                genre=meta["genre"],
                lyrics=meta["lyrics"],
                total_samples=meta["total_length"],
                offset_samples=meta["offset"],
            )
            report.exact(f"{case}/y", label.y, row["y"])
            report.exact(f"{case}/full_tokens", label.full_tokens, row["full_tokens"])
            words = (*labeller.describe(label.y), label.lyrics)
            described = row["describe"]
            want = (*(described[key] for key in ("artist", "genre", "lyrics")), row["lyrics"])
            exact_rows(report, f"{case}/text", words, want)


def _check_timing_bins(folder: ReferenceFolder, report: Report) -> None:
    arrays = folder.arrays("labels/timing_bins.npz")
    for group in folder.json("labels/timing_bins.json"):
        case = f"labels/timing_bins/{group['name']}"
        with report.section(case):
            config = LabelConfig(
                version="v2",
                artist_bins=1,
                genre_bins=1,
                max_genres=1,
                t_bins=group["t_bins"],
                min_duration_seconds=group["min_duration"],
                max_duration_seconds=group["max_duration"],
            )
            given = [
                [row["total_length"], row["offset"], group["sample_length"]]
                for row in group["cases"]
            ]
            y = np.array(given, dtype=np.int64)
            rows = [row.get("row") for row in group["cases"]]

            def bins_of(row: np.ndarray, group: Row = group, config: LabelConfig = config) -> Any:
                try:
                    return timing_bins(row[None], config, group["n_ctx"], group["sr"])
                except JukeboxError:
                    return None

            bins = [bins_of(row) for row in y]
            refused = [b is None for b in bins]
            exact_rows(report, f"{case}/refused", refused, [r is None for r in rows])
            for part, name in enumerate(("total", "absolute", "relative")):
                got = np.concatenate([np.asarray(b[part]) for b in bins if b is not None])
                want = arrays[f"{group['name']}/{name}"][[r for r in rows if r is not None]]
                report.exact(f"{case}/{name}", got, want)
