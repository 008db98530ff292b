#!/bin/sh
# gcc's analyzer over all sources, and shellcheck over the scripts.
set -eu
cd "$(dirname "$0")/.."
MESONFLAGS="-Dwerror=false" tools/setup.sh build-lint
meson configure build-lint -Dc_args=-fanalyzer >/dev/null
ninja -C build-lint --quiet
if command -v shellcheck >/dev/null 2>&1; then
    shellcheck -s sh tools/*.sh test/system/*.sh test/system/*/*.t
fi
