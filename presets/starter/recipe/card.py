"""The model card's figures, out of what was measured: no number in it is typed by hand.

    jukebox-studio evaluate presets/starter --minutes-per-artist 60 --out RESULTS
    python presets/starter/recipe/card.py RESULTS

puts the tables of RESULTS and the forecast of `learning.py` between their marks in
`docs/starter.md`, and writes `presets/starter/README.md` out of it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import learning

from jukebox_studio.bundle import bundle_sha256
from jukebox_studio.files import write_atomically

BUNDLE = Path(__file__).parents[1]
CARD = BUNDLE.parents[1] / "docs" / "starter.md"

README = """# The starter model

{short}

{aims}
Everything else about it, with every figure and how to print it again: `docs/starter.md`. What it
learned from: `CREDITS.md`. This file is written by `recipe/card.py`.
"""


def filled(text: str, mark: str, content: str) -> str:
    """`text` with `content` between the marks; ValueError where they are not there once."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->\n"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{begin.strip()} and {end.strip()} are expected once each.")
    before, rest = text.split(begin)
    return before + begin + content.strip("\n") + "\n" + end + rest.split(end)[1]


def section(text: str, heading: str) -> str:
    """What stands below a heading of the second rank."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0].strip("\n")


def table(tables: str, title: str) -> str:
    """One table of an evaluation's Markdown, with its title."""
    found = re.search(rf"^\*\*{re.escape(title)}\*\*\n\n(\|.*\n)+", tables, re.MULTILINE)
    if found is None:
        raise ValueError(f"The evaluation has no table {title}.")
    return found.group()


def write_card(results: Path, card: Path = CARD, bundle: Path = BUNDLE) -> None:
    found = json.loads((results / "evaluation.json").read_text(encoding="utf-8"))
    manifest = bundle_sha256(bundle)
    if found["manifest_sha256"] != manifest:
        raise ValueError(f"{results} measured another bundle than {bundle}.")
    tables = (results / "evaluation.md").read_text(encoding="utf-8")
    head = (
        f"On the {found['tracks']} {found['split']} tracks, {found['seconds'] / 60:.0f} minutes; "
        f"the bundle's manifest begins with {manifest[:12]}.\n\n"
    )
    text = card.read_text(encoding="utf-8")
    text = filled(text, "evaluation", head + tables)
    text = filled(text, "forecast", learning.forecast())
    write_atomically(card, text.encode())
    readme = README.format(short=section(text, "In short"), aims=table(tables, "Aims"))
    write_atomically(bundle / "README.md", readme.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="the --out of jukebox-studio evaluate")
    try:
        write_card(parser.parse_args().results)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
