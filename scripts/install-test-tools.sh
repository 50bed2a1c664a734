#!/bin/sh
# Installs what the tests drive and what is missing: SIPp, baresip, Linphone's console phone, a speaker of texts, a mail server, curl,
# a browser, and what Python needs to make room for Schemathesis.
# With --check it only says what is missing. Needs root or sudo, and apt-get.
set -eu

# The program or file that shows a package to be there, and the package.
tools="
sipp:sip-tester
baresip:baresip-core
linphonec:linphone-cli
espeak-ng:espeak-ng
aiosmtpd:python3-aiosmtpd
curl:curl
chromium:chromium
chromedriver:chromium-driver
kill:procps
"

missing_packages() {
    for tool in $tools; do
        command -v "${tool%%:*}" >/dev/null 2>&1 || printf '%s ' "${tool##*:}"
    done
    # A part of Python that Debian packs apart and that has no program of its own.
    python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || printf 'python3-venv '
}

missing=$(missing_packages)
[ -n "$missing" ] || exit 0
if [ "${1:-}" = "--check" ]; then
    echo "missing Debian packages: $missing" >&2
    exit 1
fi

as_root=
if [ "$(id -u)" != 0 ]; then
    as_root="sudo"
fi
echo "installing: $missing" >&2
if command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || command -v sudo >/dev/null 2>&1; }; then
    export DEBIAN_FRONTEND=noninteractive
    # A stale package list is the usual reason for a failure here, so it is refreshed.
    $as_root apt-get update -qq || true
    # shellcheck disable=SC2086 # one word per package
    $as_root apt-get install -y -qq --no-install-recommends $missing >&2 || true
fi

missing=$(missing_packages)
if [ -n "$missing" ]; then
    echo "the tests need these Debian packages, which could not be installed: $missing" >&2
    echo "as root: apt-get install $missing" >&2
    exit 1
fi
