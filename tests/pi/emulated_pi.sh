#!/bin/bash
# Runs the demo as a Raspberry Pi 4 would: Debian trixie (what Raspberry Pi OS is made of) for aarch64 in a folder of its
# own, on an emulated Cortex-A72. Needs root, debootstrap and qemu-user-static; not part of `make test`.
#
#   tests/pi/emulated_pi.sh [FOLDER]     FOLDER is kept for the next time, which then is much quicker
#
# The emulated processor is some 20 times slower than a real one: this shows that everything runs there, not how fast.
set -euo pipefail

project=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(realpath -m "${1:-$project/.setup/pi}")
root=$folder/root
logs=$folder/logs
car=/root/smartcar-mqtt
suite=trixie
cpu=cortex-a72
interpreter=/proc/sys/fs/binfmt_misc/qemu-aarch64
registration=/usr/lib/binfmt.d/qemu-aarch64.conf

refuse() {
    echo "make test-pi: $1" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || refuse "debootstrap and chroot need root; run: sudo make test-pi"
missing=""
command -v debootstrap >/dev/null || missing="$missing debootstrap"
[ "$(uname -m)" = aarch64 ] || command -v qemu-aarch64-static >/dev/null || missing="$missing qemu-user-static"
[ -z "$missing" ] || refuse "missing here:$missing; run: apt-get install$missing"

# The kernel hands programs for aarch64 to QEMU. F: it opens QEMU now, outside of the folder that chroot shuts it into.
if [ "$(uname -m)" != aarch64 ]; then
    [ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null ||
        refuse "this kernel has no binfmt_misc, by which it hands programs for aarch64 to QEMU"
    if [ ! -e "$interpreter" ]; then
        echo "Telling the kernel to run programs for aarch64 by QEMU, until the next start of this machine"
        cat "$registration" >/proc/sys/fs/binfmt_misc/register ||
            refuse "the kernel does not take $registration; run: systemctl restart systemd-binfmt"
    fi
    grep -q '^flags:.*F' "$interpreter" || refuse "$interpreter lacks the flag F; run: apt-get install qemu-user-static"
fi

# Mounts below exist for this script and its children alone, and go with them.
[ -n "${SMARTCAR_PI_MOUNTS:-}" ] || SMARTCAR_PI_MOUNTS=own exec unshare --mount --propagation private "$0" "$folder"

mkdir -p "$logs"
began=$SECONDS

# Runs a command that takes long, with its output in a file, and tells every 20 s how far it is.
step() {
    local name=$1 log=$logs/$2.log started=$SECONDS told=$SECONDS process
    shift 2
    echo "$name"
    "$@" </dev/null >"$log" 2>&1 &
    process=$!
    # shellcheck disable=SC2064 - this process, not a later one
    trap "kill $process 2>/dev/null" EXIT
    while kill -0 "$process" 2>/dev/null; do
        sleep 0.5
        if [ $((SECONDS - told)) -ge 20 ]; then
            told=$SECONDS
            echo "    $((SECONDS - started)) s: $(tail -n 1 "$log" | cut -c 1-100)"
        fi
    done
    trap - EXIT
    if ! wait "$process"; then
        tail -n 20 "$log" >&2
        refuse "failed after $((SECONDS - started)) s: $name; all of its output is in $log"
    fi
    echo "    done after $((SECONDS - started)) s"
}

# A command in there, in a process namespace of its own: what it leaves running ends with it.
inside() {
    local kept=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 QEMU_CPU=$cpu
        SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
        PIP_DEFAULT_TIMEOUT=180 PYTHONUNBUFFERED=1)
    local name
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL; do
        [ -z "${!name:-}" ] || kept+=("$name=${!name}")
    done
    unshare --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" env -i "${kept[@]}" \
        sh -c "cd $car && exec \"\$@\"" sh "$@"
}

if [ ! -e "$folder/complete" ]; then
    rm -rf "$root"
    QEMU_CPU=$cpu step "Fetching Debian $suite for aarch64 into $root: once, about 4 minutes" debootstrap \
        debootstrap --arch=arm64 --variant=minbase --include=ca-certificates,make,python3,python3-venv "$suite" "$root"
    touch "$folder/complete"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # packages start no services in there
chmod +x "$root/usr/sbin/policy-rc.d"
mount --rbind /dev "$root/dev"

# The project as it stands here, without what git ignores; the virtual environment in there stays.
mkdir -p "$root$car"
find "$root$car" -mindepth 1 -maxdepth 1 ! -name .venv ! -name '*.egg-info' -exec rm -rf {} +
(cd "$project" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar -c --null -T -) | tar -x --no-same-owner -C "$root$car"

step "make venv: with the packages about 3 minutes the first time" venv inside make venv
echo "smartcar config check"
inside .venv/bin/smartcar config check | sed 's/^/    /'
inside .venv/bin/python -m tests.pi.drive_and_see
echo "All of it runs on an emulated $cpu with Debian $suite; $((SECONDS - began)) s in all."
