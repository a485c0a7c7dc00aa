#!/usr/bin/env bash
# Sees to the few Debian packages that pip cannot bring: as root it installs what is missing, and says
# nothing when nothing is; anybody else is told the one command to have run.
#
#   system_packages.sh python     a Python of at least 3.11 that can make virtual environments
#   system_packages.sh wrk        the HTTP load generator of `make bench`
#   system_packages.sh chromium   the browser that `make test` looks at the pages with
#   system_packages.sh redis-server   the Redis in which `make test` has processes count together
#   system_packages.sh pgbouncer  the pooler that `make test` puts before a database
#   system_packages.sh pango      the libraries that documents become PDF with
#   system_packages.sh postgresql-15   the oldest PostgreSQL that Pannier promises to work with, for `make test`
set -euo pipefail

PYTHON=${PYTHON:-python3}
missing=()

for need in "$@"; do
    case "$need" in
        python)
            # Debian's python3 has `venv` but, without python3-venv, no `ensurepip` to fill it with.
            if ! command -v "$PYTHON" >/dev/null; then
                missing+=(python3 python3-venv)
            elif ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
                missing+=(python3-venv)
            fi
            ;;
        pango)
            # Libraries are on nobody's PATH, and `ldconfig` not on that of an ordinary user.
            for library in libpangoft2-1.0.so.0:libpangoft2-1.0-0 libharfbuzz-subset.so.0:libharfbuzz-subset0; do
                PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -F "${library%%:*}" >/dev/null || missing+=("${library#*:}")
            done
            ;;
        postgresql-*)
            # Its programs are on nobody's PATH.
            [ -x "/usr/lib/postgresql/${need#postgresql-}/bin/postgres" ] || missing+=("$need")
            ;;
        *)
            command -v "$need" >/dev/null || missing+=("$need")
            ;;
    esac
done

if [ ${#missing[@]} -gt 0 ]; then
    install="apt-get install --yes ${missing[*]}"
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "A system package is missing. Run this once, then try again:" >&2
        echo "    sudo apt-get update && sudo $install" >&2
        exit 1
    fi
    echo "Installing the missing system packages: ${missing[*]}"
    log=$(mktemp)
    # Debian's PostgreSQL would make a cluster and start it; ours are made by whoever wants one. Only for now:
    # who installs it for himself later gets what he expects.
    no_cluster=/etc/postgresql-common/createcluster.d/pannier-installs.conf
    trap 'rm -f "$log" "$no_cluster"' EXIT
    if [[ " ${missing[*]} " == *" postgresql-"* ]]; then
        mkdir -p "${no_cluster%/*}"
        echo "create_main_cluster = false" >"$no_cluster"
    fi
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -qq && apt-get install --yes -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        cat "$log" >&2
        echo "Could not install ${missing[*]}; the messages above are apt-get's." >&2
        exit 1
    fi
fi

for need in "$@"; do
    if [ "$need" = python ]; then
        command -v "$PYTHON" >/dev/null || PYTHON=python3
        "$PYTHON" - <<'CHECK'
import sys

if sys.version_info < (3, 11):
    sys.exit(f"Pannier needs Python 3.11 or newer; this is {sys.version.split()[0]}. Name another: make PYTHON=python3.12 …")
CHECK
    fi
done
