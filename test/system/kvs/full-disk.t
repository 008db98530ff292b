# A disk that is full, of a few MB, and what stands on it (see test/torture/disk-faults).
. "${0%/*}/../lib.sh"
full_disk () {
    "$FLUX_TEST_SOURCE/test/torture/full-disk" "$@"
}
run full_disk 2 3
if [ $rc -eq 77 ]; then
    skip 'a full disk' "$out"
elif [ $rc -eq 0 ] && matches '^2 runs, [0-9]+ acknowledged, [1-9][0-9]* refused, 0 broken$' "$out"; then
    ok 'a full disk'
else
    not_ok 'a full disk' "$out" "$err"
fi
if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --clear-groups true 2>/dev/null; then
    chmod 755 "$DIR"
    run setpriv --reuid=65534 --clear-groups env TMPDIR=/tmp \
        "$FLUX_TEST_SOURCE/test/torture/full-disk" 1
    if [ $rc -eq 77 ] && matches '^skipped: ' "$out"; then
        ok 'who cannot mount one says so'
    else
        not_ok 'who cannot mount one says so' "status $rc" "$out" "$err"
    fi
else
    skip 'who cannot mount one says so' 'needs root'
fi
finish
