#!/bin/sh
# Runs the tests of Home Assistant against its newest release, which needs a newer Python than this system has: that one
# comes from a later Debian in a folder of its own (debootstrap; needs root). About four minutes the first time.
#
#   tests/e2e/newest_home_assistant.sh [FOLDER] [VERSION]     FOLDER is kept for the next time
set -eu

project=$(cd "$(dirname "$0")/../.." && pwd)
root=${1:-$project/.venv-ha-newest}
version=${2:-2026.11.0}
suite=forky
hass=$root/run-hass

[ "$(id -u)" = 0 ] || { echo "debootstrap and chroot need root; run this with sudo" >&2; exit 1; }
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null

if [ ! -e "$root/opt/hass/$version" ]; then
    if [ ! -x "$root/usr/bin/python3" ]; then
        echo "Fetching Debian $suite into $root"
        scripts=/usr/share/debootstrap/scripts
        [ -e "$scripts/$suite" ] || ln -s sid "$scripts/$suite"
        debootstrap --variant=minbase \
            --include=ca-certificates,python3,python3-venv,python3-dev,gcc,g++,libc6-dev,libturbojpeg0 \
            "$suite" "$root" >/dev/null
    fi
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    cp "$project/tests/e2e/requirements-$version.txt" "$root/opt/requirements.txt"
    echo "Installing Home Assistant $version there"
    inside() { env -u PIP_FIND_LINKS SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt chroot "$root" "$@"; }
    inside python3 -m venv --clear /opt/hass
    inside /opt/hass/bin/pip install -q uv
    inside /opt/hass/bin/uv pip install -q --no-deps -p /opt/hass/bin/python -r /opt/requirements.txt
    touch "$root/opt/hass/$version"
fi

# Home Assistant sees its own folder through a mount that exists for it alone.
cat >"$hass" <<EOF
#!/bin/sh
set -eu
folder=
previous=
for word in "\$@"; do
    [ "\$previous" = --config ] && folder=\$word
    previous=\$word
done
mkdir -p "$root\$folder" "$root/proc" "$root/dev"
exec unshare --mount --propagation private sh -c '
    mount --bind "\$0" "$root\$0"
    mount --bind /proc "$root/proc"
    mount --bind /dev "$root/dev"
    exec chroot "$root" /opt/hass/bin/hass "\$@"' "\$folder" "\$@"
EOF
chmod +x "$hass"
cd "$project"
SMARTCAR_HASS=$hass exec .venv/bin/pytest tests/e2e
