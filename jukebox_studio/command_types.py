"""What the commands' options take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token
from cyclopts.validators import Number


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


def sentence(error: Any) -> str:
    """A cyclopts error as one sentence."""
    text = " ".join(str(error).split()).replace('"', "'")
    return text if text.endswith((".", "?", "!")) else f"{text}."
