#!/bin/sh
# Install the services that tests use, where apt may; else the tests that need them skip by name (fail when CI is set).
set -eu
wanted=""
command -v chromium >/dev/null 2>&1 || wanted="$wanted chromium"
{ command -v gpsd || [ -x /usr/sbin/gpsd ]; } >/dev/null 2>&1 || wanted="$wanted gpsd"
command -v gpsfake >/dev/null 2>&1 || wanted="$wanted gpsd-clients"
command -v pdftotext >/dev/null 2>&1 || wanted="$wanted poppler-utils"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || wanted="$wanted postgresql"
{ command -v nginx || [ -x /usr/sbin/nginx ]; } >/dev/null 2>&1 || wanted="$wanted nginx-light"
[ -n "$wanted" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "services: no apt-get here; the tests that need these are skipped:$wanted"
    exit 0
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then as_root="sudo -n"; else
        echo "services: not root; to run every test: apt-get install --no-install-recommends$wanted"
        exit 0
    fi
fi
export DEBIAN_FRONTEND=noninteractive
# one by one: what one archive lacks must not cost the others
$as_root apt-get update -qq || echo "services: apt-get update failed"
for package in $wanted; do
    $as_root apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
        echo "services: $package could not be installed"
done
