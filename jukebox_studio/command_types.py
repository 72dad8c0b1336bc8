"""What the commands' options take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from jukebox_studio.errors import JukeboxError


def _whole(type_: type, tokens: Sequence[Token]) -> int:
    """A whole number as it is written; 1.5 is not rounded to one."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


Whole = Annotated[int, Parameter(converter=_whole)]
Positive = Annotated[int, Parameter(converter=_whole, validator=Number(gte=1))]
Share = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]


def by_level(text: str, what: str, otherwise: float = 0.0) -> dict[int | None, float]:
    """`0.98,0:0.9` as {None: 0.98, 0: 0.9}; `otherwise` is for levels that are not named."""
    found: dict[int | None, float] = {}
    for piece in text.split(","):
        level, colon, value = piece.rpartition(":")
        try:
            found[int(level) if colon else None] = float(value)
        except ValueError:
            raise JukeboxError(
                f"{piece!r} is no {what}; write a number, or a level, a colon and a number."
            ) from None
    found.setdefault(None, otherwise)
    return found


def sentence(error: Any) -> str:
    """A cyclopts error as one sentence."""
    text = " ".join(str(error).split()).replace('"', "'")
    return text if text.endswith((".", "?", "!")) else f"{text}."
