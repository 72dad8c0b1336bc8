#!/bin/sh
# Installs the programs that tests talk to: DAWs, a screen, sound servers, other peers. Only what is
# missing, and only as root with apt-get; anywhere else it says what is missing, and those tests are
# skipped (or fail, where CI is set). Always succeeds.
set -u
PATH=$PATH:/usr/sbin:/sbin

[ "$(uname -s)" = Linux ] || exit 0

# A program, and Debian's package that has it
programs='ardour:ardour
audacity:audacity
import:imagemagick
ip:iproute2
jack_midi_clock:jack-midi-clock
jackd:jackd2
LinkHut:ableton-link-utils
openbox:openbox
oscsend:liblo-tools
parec:pulseaudio-utils
pulseaudio:pulseaudio
unshare:util-linux
wmctrl:wmctrl
xdotool:xdotool
Xvfb:xvfb
xwininfo:x11-utils'

missing_packages() {
    for entry in $programs; do
        command -v "${entry%%:*}" >/dev/null || printf '%s ' "${entry#*:}"
    done
}

missing=$(missing_packages)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing programs for the tests: $missing"
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } \
        >"$log" 2>&1 </dev/null || tail -n 5 "$log" >&2
    rm -f "$log"
    missing=$(missing_packages)
fi
[ -z "$missing" ] ||
    echo "Programs are missing for some tests; please install (Debian's names): $missing" >&2
