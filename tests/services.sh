#!/bin/sh
# Install the services that tests use, where apt may; else the tests that need them skip by name (fail when CI is set).
set -eu
command -v chromium >/dev/null 2>&1 && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "services: no apt-get here; tests marked 'browser' need Chromium (command: chromium)"
    exit 0
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then as_root="sudo -n"; else
        echo "services: not root; tests marked 'browser' need: apt-get install chromium"
        exit 0
    fi
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
    echo "services: chromium could not be installed"
