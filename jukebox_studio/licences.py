"""The licences that models come under, in the words people get to read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Licence(BaseModel):
    """What may be done with a model and with the sound it makes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """An SPDX identifier where there is one, else the licence's own name."""
    commercial_use: bool
    """Whether music made with the model may be used commercially."""
    disclosure: str
    """The sentence that exported files carry; empty where none is asked for."""
    notice: str
    """The text that goes with every copy of the weights."""

    @property
    def in_plain_words(self) -> str:
        use = (
            "Commercial use of the music is allowed by the model's licence."
            if self.commercial_use
            else "Not for commercial use: neither the model nor the music made with it."
        )
        say = f' When you share the music, say: "{self.disclosure}"' if self.disclosure else ""
        return f"{self.name}. {use}{say}"


OPENAI_JUKEBOX = Licence(
    name="OpenAI Noncommercial Use License (2020)",
    commercial_use=False,
    disclosure="Created using OpenAI's Jukebox.",
    notice="""\
Noncommercial Use License

Software Copyright (c) 2020 OpenAI

We don\N{RIGHT SINGLE QUOTATION MARK}t claim ownership of the content you create with Jukebox.
We only ask that you use Jukebox responsibly and clearly indicate your content was created using \
OpenAI\N{RIGHT SINGLE QUOTATION MARK}s Jukebox.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and \
associated
documentation files (the "Software"), to deal in the Software, including without limitation the \
rights to use, copy,
modify, merge, publish, distribute, and/or sublicense copies of the Software, and to permit \
persons to whom the
Software is furnished to do so, subject to the following conditions:

No portion of the Software, nor any content created with the Software, may be used for commercial \
purposes.

The above copyright notice and this permission notice shall be included in all copies or \
substantial portions of the Software.

The above copyright notice and this permission notice need not be included with content created \
by the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT \
NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY,FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT \
SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF \
CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS \
IN THE SOFTWARE.
""",
)
"""Quoted in full: its notice must go with every copy of the weights."""

CC_BY_SA_4 = Licence(
    name="CC-BY-SA-4.0",
    commercial_use=True,
    disclosure="",
    notice=(
        "Licensed under Creative Commons Attribution-ShareAlike 4.0 International.\n"
        "https://creativecommons.org/licenses/by-sa/4.0/legalcode\n"
    ),
)
