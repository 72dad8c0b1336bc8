#!/bin/sh
# Installs the system packages that Python packages cannot bring along. Only what is missing, and
# only as root with apt-get; anywhere else it says what is missing. Always succeeds.
#
#   system-packages.sh         libraries: PortAudio (playing), libsndfile (audio files) and what Qt
#                              loads, its xcb platform included; continuing a clip needs none of them
#   system-packages.sh tests   programs that tests talk to: DAWs, a screen, sound servers, peers;
#                              without them those tests are skipped, or fail where CI is set
set -u
PATH=$PATH:/usr/sbin:/sbin

[ "$(uname -s)" = Linux ] || exit 0 # elsewhere the Python packages bring their libraries

# Debian's package, and what shows that it is there, whoever installed it: a library by its name, a
# file by its path, or else a program.
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
programs='ableton-link-utils:LinkHut
ardour:ardour
at-spi2-core:/usr/libexec/at-spi-bus-launcher
audacity:audacity
dbus-daemon:dbus-daemon
gir1.2-atspi-2.0:/usr/lib/*/girepository-1.0/Atspi-2.0.typelib
imagemagick:import
iproute2:ip
jack-midi-clock:jack_midi_clock
jackd2:jackd
libasound2-plugins:/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so
liblo-tools:oscsend
openbox:openbox
pulseaudio:pulseaudio
pulseaudio-utils:parec
python3-gi:/usr/lib/python3/dist-packages/gi/__init__.py
util-linux:unshare
wmctrl:wmctrl
x11-utils:xwininfo
xdotool:xdotool
xvfb:Xvfb'

if [ "${1-}" = tests ]; then
    wanted=$programs what='Programs for some tests'
else
    wanted=$libraries what='Libraries for sound or the window'
fi

is_there() {
    case $1 in
        /*) ls $1 >/dev/null 2>&1 ;;
        *.so.*) case $known in *"$1 "*) ;; *) false ;; esac ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing_packages() {
    known=$(ldconfig -p 2>/dev/null)
    printf '%s\n' "$wanted" | while IFS=: read -r package sign; do
        is_there "$sign" || printf '%s ' "$package"
    done
}

missing=$(missing_packages)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing: $missing"
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } \
        >"$log" 2>&1 </dev/null || tail -n 5 "$log" >&2
    rm -f "$log"
    missing=$(missing_packages)
fi
[ -z "$missing" ] || echo "$what are missing; please install (Debian's names): $missing" >&2
