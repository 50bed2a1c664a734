#!/bin/sh
# Installs what the bench compares with and loads with, from Debian, without starting any service.
set -eu

missing=""
need() { command -v "$1" >/dev/null || missing="$missing $2"; }
PATH=$PATH:/usr/sbin:/sbin
need kamailio kamailio
need rtpengine rtpengine-daemon
need sipp sip-tester
command -v perf >/dev/null || need strace strace
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "bench: missing packages:$missing (run as root: apt-get install$missing)" >&2; exit 1; }
    as_root=sudo
fi

# Debian starts a service when its package is installed, unless this file refuses.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$as_root rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
fi
$as_root apt-get update -q
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -q -y --no-install-recommends $missing
