#!/bin/sh
# Installs the system libraries that Python packages cannot bring along: PortAudio (playing),
# libsndfile (audio files) and what Qt loads, its xcb platform included. Installs only what is
# missing, and only as root with apt-get; anywhere else it says what is missing. Always succeeds:
# continuing a clip needs none of them. Where CI is set, also the programs that only tests need.
set -u
PATH=$PATH:/usr/sbin:/sbin

[ "$(uname -s)" = Linux ] || exit 0 # elsewhere the Python packages bring their libraries

# Debian's package, and the library that shows it is there, whoever installed it
libraries='libdbus-1-3:libdbus-1.so.3
libegl1:libEGL.so.1
libfontconfig1:libfontconfig.so.1
libfreetype6:libfreetype.so.6
libgl1:libGL.so.1
libglib2.0-0:libglib-2.0.so.0
libportaudio2:libportaudio.so.2
libsndfile1:libsndfile.so.1
libxcb-cursor0:libxcb-cursor.so.0
libxcb-icccm4:libxcb-icccm.so.4
libxcb-image0:libxcb-image.so.0
libxcb-keysyms1:libxcb-keysyms.so.1
libxcb-render-util0:libxcb-render-util.so.0
libxcb-shape0:libxcb-shape.so.0
libxkbcommon-x11-0:libxkbcommon-x11.so.0'

# What tests of CI talk to: Debian's package, and a file that shows it is there
test_files='libasound2-plugins:/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so
pulseaudio:/usr/bin/pulseaudio
pulseaudio-utils:/usr/bin/parec'

missing_packages() {
    present=$(ldconfig -p 2>/dev/null)
    for entry in $libraries; do
        case $present in
            *"${entry#*:} "*) ;;
            *) printf '%s ' "${entry%%:*}" ;;
        esac
    done
    [ -n "${CI-}" ] || return 0
    for entry in $test_files; do
        ls ${entry#*:} >/dev/null 2>&1 || printf '%s ' "${entry%%:*}"
    done
}

missing=$(missing_packages)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing system libraries: $missing"
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } \
        >"$log" 2>&1 </dev/null || tail -n 5 "$log" >&2
    rm -f "$log"
    missing=$(missing_packages)
fi
[ -z "$missing" ] ||
    echo "System libraries are missing for sound or the window; please install (Debian's names): $missing" >&2
