#!/bin/sh
# Brings ui/translations up to what the code says: a text that is new in the code becomes one that
# waits for its translation in every .ts file, and each .ts file is made into the .qm file that the
# window loads. Run it after a change of what people read, translate what it calls unfinished (in
# the .ts file, with Qt Linguist or any editor), and run it again.
#
#   scripts/translations.sh        all languages that are there
#   scripts/translations.sh fr     begins another one too
#
# Needs PyQt6 (pylupdate6), and lconvert and lrelease (Debian's package qt6-l10n-tools).
set -eu
cd "$(dirname "$0")/.."
PATH=.venv/bin:$PATH:/usr/lib/qt6/bin
folder=ui/translations

[ -z "${1-}" ] || [ -f "$folder/jukebox-studio_$1.ts" ] ||
    echo "<?xml version='1.0'?><!DOCTYPE TS><TS version='2.1' language='$1'></TS>" \
        >"$folder/jukebox-studio_$1.ts"
for catalogue in "$folder"/*.ts; do
    pylupdate6 --no-summary --no-obsolete --ts "$catalogue" ui/*.py
    # Line numbers would change with every line of the code.
    lconvert -locations none -sort-contexts -i "$catalogue" -o "$catalogue"
    lrelease -silent "$catalogue" -qm "${catalogue%.ts}.qm"
    echo "$catalogue: $(grep -c 'type="unfinished"' "$catalogue" || true) unfinished"
done
