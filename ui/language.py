"""The languages that the window speaks: English, and one catalogue each in ui/translations.

Catalogues are made by `scripts/translations.sh`.
"""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

FOLDER = Path(__file__).resolve().parent / "translations"
SOURCE_LANGUAGE = "en"
_NAME = "jukebox-studio"


def languages() -> dict[str, str]:
    """What each is called by those who speak it, by its code."""
    codes = [path.stem.removeprefix(f"{_NAME}_") for path in sorted(FOLDER.glob("*.qm"))]
    return {code: QLocale(code).nativeLanguageName() for code in (SOURCE_LANGUAGE, *codes)}


def language_of_system() -> str:
    """The first that people asked their system for and that there is."""
    asked = (tongue.split("-")[0] for tongue in QLocale.system().uiLanguages())
    return next((code for code in asked if code in languages()), SOURCE_LANGUAGE)


def speak(app: QCoreApplication, code: str) -> list[QTranslator]:
    """Have all that is made from now on speak a language; empty is the system's.

    Qt's own words (buttons of dialogs, menus of text fields) come along. Returns what was
    installed, to be removed by whoever wants another language.
    """
    if code:
        QLocale.setDefault(QLocale(code))  # numbers and dates
    code = code or language_of_system()
    if code == SOURCE_LANGUAGE:
        return []
    qt_folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    installed = []
    for name, folder in (("qtbase", qt_folder), (_NAME, str(FOLDER))):
        translator = QTranslator(app)
        if translator.load(f"{name}_{code}", folder):
            app.installTranslator(translator)
            installed.append(translator)
    return installed
