# Shared by the scripts: one Python environment in .venv, made and filled when needed.
# shellcheck shell=bash
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
PYTHON="$ROOT/.venv/bin/python"
export PYTHONPATH="$ROOT"

die() {
    echo "beseda: $*" >&2
    exit 1
}

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${BESEDA_PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "Python 3.11 or newer is needed and none was found; install one, or name it in BESEDA_PYTHON."
}

make_environment() {
    local python
    python="$(find_python)"
    if ! "$python" -m venv --clear .venv >.venv.log 2>&1; then
        cat .venv.log >&2
        rm -f .venv.log
        die "$python cannot make .venv; on Debian and Ubuntu: apt-get install python3-venv."
    fi
    rm -f .venv.log
}

# prepare FILE...: make .venv and install the requirement files that changed since the last time.
prepare() {
    local file stamp wanted
    if ! { fits "$PYTHON" && "$PYTHON" -c 'import pip' 2>/dev/null; }; then
        make_environment
    fi
    for file in "$@"; do
        stamp=".venv/.installed-${file//\//-}"
        wanted="$(cat requirements*.txt server/local/requirements.txt loadtest/requirements.txt .venv/pyvenv.cfg | cksum)"
        if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
            echo "Installing $file (only when it changed) ..." >&2
            "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$file" ||
                die "could not install $file; the lines above say why."
            echo "$wanted" >"$stamp"
        fi
    done
}

# prepare_checks: install what the tests of the page run in Chromium, where there is npm and the lock changed.
prepare_checks() {
    local folder=tests/browser/checks wanted
    command -v npm >/dev/null || return 0
    wanted="$(cksum <"$folder/package-lock.json")"
    if [ "$(cat "$folder/node_modules/.installed" 2>/dev/null)" != "$wanted" ]; then
        echo "Installing $folder (only when it changed) ..." >&2
        # Without a network those tests are skipped; CI says that they must not be.
        if npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then
            echo "$wanted" >"$folder/node_modules/.installed"
        fi
    fi
}
