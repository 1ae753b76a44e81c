# Shared by the scripts of this folder; sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }

# has_header NAME: whether the C compiler finds the header.
has_header() { echo "#include <$1>" | cc -E -x c - >/dev/null 2>&1; }

# missing_packages KIND...: the Debian packages that this machine lacks. Kinds: build, test, browser.
missing_packages() {
    local kind
    for kind in "$@"; do
        case "$kind" in
        build)
            has_header curl/curl.h || echo libcurl4-openssl-dev
            has_header hiredis/hiredis.h || echo libhiredis-dev
            has_header zlib.h || echo zlib1g-dev
            ;;
        test)
            command -v openssl >/dev/null || echo openssl
            command -v curl >/dev/null || echo curl
            command -v xz >/dev/null || echo xz-utils
            command -v redis-server >/dev/null || command -v valkey-server >/dev/null || echo redis-server
            command -v python3 >/dev/null || echo python3
            python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
            ;;
        browser)
            command -v chromium >/dev/null || command -v chromium-browser >/dev/null || echo chromium
            ;;
        esac
    done
}

# need KIND...: installs what the kinds need and this machine lacks.
need() {
    if ! command -v swift >/dev/null; then
        echo "Refrain needs Swift 6.2 or later: https://www.swift.org/install" >&2
        exit 1
    fi
    local packages sudo=""
    packages=$(missing_packages "$@")
    [ -n "$packages" ] || return 0
    packages=$(echo "$packages" | tr '\n' ' ')
    if command -v apt-get >/dev/null; then
        say "installing $packages"
        [ "$(id -u)" = 0 ] || sudo="sudo"
        $sudo apt-get update -qq
        # shellcheck disable=SC2086 # a list of words on purpose
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    elif command -v brew >/dev/null; then
        say "installing curl, hiredis, redis, xz, python"
        brew install --quiet curl hiredis redis xz python@3
    else
        echo "Please install the equivalents of these Debian packages, then run this again: $packages" >&2
        exit 1
    fi
}
