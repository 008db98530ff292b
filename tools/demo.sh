#!/bin/sh
# Start an instance of four brokers and show what one can do in it.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
build=${BUILD:-build}

if [ "${1:-}" != inside ]; then
    PATH=$(cd "$build" && pwd)/src/cmd:$PATH
    export PATH
    for v in $(env | sed -n 's/^\(FLUX_[A-Z_0-9]*\)=.*/\1/p'); do
        unset "$v"
    done
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    echo "\$ flux start --test-size=4"
    (cd "$dir" && timeout 120 flux start --test-size=4 "$root/tools/demo.sh" inside)
    echo "The instance has ended."
    exit
fi

cd "$OLDPWD"
show () {
    echo
    echo "\$ $1"
    sh -c "$1" || echo "(exit status $?)"
}
show 'flux uptime'
show 'flux overlay status'
show 'flux resource list'
show 'flux exec -r all -l hostname'
show 'flux run -N4 -n4 -l sh -c "echo task \$FLUX_TASK_RANK of \$FLUX_JOB_SIZE"'
show 'flux submit --cc=1-8 --wait sh -c "echo {cc} squared is \$(({cc}*{cc}))"'
show 'flux job attach $(flux job last)'
show 'flux jobs -a'
show "flux run sh -c 'exit 3'"
show 'flux job eventlog -H $(flux job last)'
show 'id=$(flux submit sleep 60); flux cancel $id; flux job attach $id'
show 'flux submit --cc=1-1000 --wait --quiet true; flux jobs --stats-only'
show 'flux kvs put hello=1; flux kvs get hello; flux kvs ls'
show 'flux module list'
echo
