#!/bin/sh
# Installs the Debian packages that are missing: the broker with its command line programs, Python's venv module, what
# draws the face (cairo, Pango, fonts for all scripts), and on a Raspberry Pi the camera's library and
# what builds the LED ring's driver.
# Does nothing, and needs no rights, where all are there.
#
#   deploy/packages.sh [PYTHON]           what the car needs
#   deploy/packages.sh [PYTHON] tests     also what its tests need: a browser, and a Python for Home Assistant. Tests that
#                                         cannot have theirs are skipped, and fail where CI=true.
set -eu

python=${1:-python3}
purpose=${2:-car}
case $purpose in
car | tests) ;;
*)
    echo "deploy/packages.sh: \"$purpose\" is no purpose; write: deploy/packages.sh [PYTHON] [tests]" >&2
    exit 1
    ;;
esac
missing=""
for_tests=""

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

# Python 3.13 with the modules that Debian packs separately, which Home Assistant runs on; a shim of pyenv may not start.
python_3_13() {
    for candidate in "${SMARTCAR_PYTHON313:-}" python3.13 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.13*/bin/python3.13; do
        [ -z "$candidate" ] || ! "$candidate" -c 'import venv, ensurepip' 2>/dev/null || return 0
    done
    return 1
}

if [ "$purpose" = tests ]; then
    found chromium || found chromium-browser || for_tests="$for_tests chromium"
    [ -n "${SMARTCAR_HASS:-}" ] || [ -x "$(dirname "$0")/../.venv-ha/bin/hass" ] || python_3_13 || for_tests="$for_tests python3.13-venv"
fi
[ -n "$missing$for_tests" ] || exit 0

# What is said of packages that are missing and cannot be had; only without those of the car nothing goes on.
cannot() {
    echo "$1" >&2
    [ -z "$missing" ] || exit 1
    echo "The tests that need$for_tests are skipped; with CI=true they fail." >&2
    exit 0
}

found apt-get || cannot "These programs are missing:$missing$for_tests. There is no apt-get here; install them with this \
system's own tool, then run this command again."
as_root=""
if [ "$(id -u)" != 0 ]; then
    found sudo || cannot "These packages are missing:$missing$for_tests. Become root and run: \
apt-get install$missing$for_tests"
    as_root=sudo
fi
echo "Installing Debian packages:$missing$for_tests"
had_broker=$(found mosquitto && echo yes || echo no)
$as_root apt-get update -qq || echo "apt-get update failed; going on with the package lists that are here." >&2

install() {
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
# shellcheck disable=SC2086
if [ -n "$missing" ] && ! install $missing; then
    echo "apt-get cannot install$missing; see above. It needs a way to a Debian mirror." >&2
    exit 1
fi
missing=""
if [ "$had_broker" = no ] && [ -d /run/systemd/system ]; then
    echo "Mosquitto now also runs as this machine's own broker on port 1883 (loopback only); the demo uses another one."
fi
refused=""
for package in $for_tests; do
    if [ -z "$(apt-cache search --names-only "^$package\$")" ]; then
        # Debian 12 has none: tests/e2e/install_home_assistant.py then fetches one, or says that it cannot.
        [ "$package" != python3.13-venv ] || continue
        echo "This release of the system has no package $package." >&2
        refused="$refused $package"
    elif ! install "$package"; then
        refused="$refused $package"
    fi
done
for_tests=$refused
[ -z "$for_tests" ] || cannot "Not installed:$for_tests."
