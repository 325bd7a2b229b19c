#!/bin/sh
# Installs the Debian packages that are missing: the broker with its command line programs, Python's venv module, what
# draws the face (cairo, Pango, fonts for all scripts), and on a Raspberry Pi the camera's library and
# what builds the LED ring's driver.
# Does nothing, and needs no rights, where all are there.
set -eu

python=${1:-python3}
missing=""

found() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1; }

found mosquitto || missing="$missing mosquitto"
found mosquitto_pub || missing="$missing mosquitto-clients"
if found "$python"; then
    "$python" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
    "$python" -c 'import ctypes; ctypes.CDLL("libcairo.so.2")' 2>/dev/null || missing="$missing libcairo2"
    "$python" -c 'import ctypes; ctypes.CDLL("libpangocairo-1.0.so.0")' 2>/dev/null ||
        missing="$missing libpangocairo-1.0-0"
else
    missing="$missing python3 python3-venv libcairo2 libpangocairo-1.0-0"
fi
if found apt-get; then
    # Latin, Greek, Cyrillic, Arabic, Hebrew and more; Chinese, Japanese, Korean; emoji. Other systems have such fonts in
    # places of their own, and a letter without a font is only a box.
    fonts=/usr/share/fonts/truetype
    [ -e $fonts/dejavu/DejaVuSans.ttf ] || missing="$missing fonts-dejavu-core"
    [ -e $fonts/wqy/wqy-microhei.ttc ] || missing="$missing fonts-wqy-microhei"
    [ -e $fonts/noto/NotoColorEmoji.ttf ] || missing="$missing fonts-noto-color-emoji"
fi
if grep -qs 'Raspberry Pi' /proc/device-tree/model; then
    found gcc || missing="$missing gcc libc6-dev"
    ls /usr/include/python3*/Python.h >/dev/null 2>&1 || missing="$missing python3-dev"
    # From Raspberry Pi OS; Debian for a Raspberry Pi does not have it, and does without.
    "$python" -c 'import picamera2' 2>/dev/null ||
        { apt-cache show python3-picamera2 >/dev/null 2>&1 && missing="$missing python3-picamera2"; } || true
fi
[ -n "$missing" ] || exit 0

if ! found apt-get; then
    echo "These programs are missing:$missing. There is no apt-get here; install them with this system's own tool," >&2
    echo "then run this command again." >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
    if ! found sudo; then
        echo "These packages are missing:$missing. Become root and run: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "Installing Debian packages:$missing"
had_broker=$(found mosquitto && echo yes || echo no)
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
if [ "$had_broker" = no ] && [ -d /run/systemd/system ]; then
    echo "Mosquitto now also runs as this machine's own broker on port 1883 (loopback only); the demo uses another one."
fi
