#!/bin/sh
# The package flux, as strictly as mypy can look at it. What has no types of its own has
# them in tools/stubs.
set -eu
cd "$(dirname "$0")/.."
cache=${BUILD:-build}
[ -d "$cache" ] || cache=$(mktemp -d)
MYPYPATH=tools/stubs:src/python exec mypy --strict --python-version 3.11 --no-error-summary \
    --cache-dir "$cache/mypy" src/python/flux src/python/_flux/build.py
