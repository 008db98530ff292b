# Every program that is installed says so, and fails, when what it prints is lost.
. "${0%/*}/../lib.sh"
B=$FLUX_TEST_BUILD/src

# tells_loss PROGRAM ARGS...: it prints something, but not on a full device
tells_loss () {
    run "$@"
    if [ -z "$out" ] || [ "$rc" -ne 0 ]; then
        not_ok "${1##*/} $2" "status $rc" "prints: $out" "$err"
        return
    fi
    timeout "$LIMIT" "$@" </dev/null >/dev/full 2>lost
    rc=$?
    if [ $rc -ne 0 ] && grep -q 'No space left' lost; then
        ok "${1##*/} $2"
    else
        not_ok "${1##*/} $2" "on a full device: status $rc: $(cat lost)"
    fi
}

cat >spec.json <<'E2'
{"version": 9999, "resources": [{"type": "slot", "count": 1, "label": "a", "with": [
  {"type": "core", "count": 1}]}], "attributes": {"system": {"duration": 1}},
 "tasks": [{"command": ["a"], "slot": "a", "count": {"per_slot": 1}}]}
E2
tells_loss "$B/cmd/flux" --help
tells_loss "$B/cmd/flux" --version
for name in dump restore top web hierarchy/hierarchy; do
    program=$B/cmd/${name%/*}/flux-${name#*/}
    [ -x "$program" ] || program=$B/cmd/flux-$name
    tells_loss "$program" --help
done
tells_loss "$B/broker/flux-broker" --help
tells_loss "$B/fluxion-tools/grug2dot" --help
tells_loss "$B/fluxion-tools/resource-query" --help
tells_loss "$B/fluxion-tools/flux-jobspec-validate" --help
tells_loss "$B/fluxion-tools/flux-jobspec-validate" spec.json
if [ -x "$B/fluxion-server/fluxion" ]; then
    tells_loss "$B/fluxion-server/fluxion" --help
    tells_loss "$B/fluxion-server/fluxion" --version
else
    skip 'fluxion' 'it is not built'
fi
finish
