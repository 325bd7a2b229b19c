#!/bin/sh
# Finds a Python by its name: `tests/python.sh python3.13` prints its path, with `version` behind it its version (3.13).
# Looked for on the PATH, and among the Pythons of pyenv, whose shim on the PATH does not start while it is not chosen.
set -eu

name=$1
serves() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

for candidate in "$name" "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin/"${name##*/}"; do
    serves "$candidate" || continue
    case ${2:-} in
    version) exec "$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' ;;
    *) exec "$candidate" -c 'import sys; print(sys.executable)' ;;
    esac
done
echo "There is no $name with the module venv, 3.11 or newer, on the PATH or in pyenv; install one (apt-get install \
$name-venv, or pyenv install ${name#python})." >&2
exit 1
