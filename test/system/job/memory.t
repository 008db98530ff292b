# What a burst of messages needed is given back when it is over.
. "${0%/*}/../lib.sh"
under_flux 1

pid=$(flux getattr broker.pid)

# So many mappings that the kernel may fill with huge pages.
huge () { grep -c '^VmFlags:.* hg' "/proc/$pid/smaps"; }
none_is_huge () { [ "$(huge)" -eq 0 ]; }
resident () { awk '/^Anonymous:/ { print $2 }' "/proc/$pid/smaps_rollup"; }

head -c 3000000 /dev/zero >big
puts () {
    for _ in 1 2 3 4 5 6 7 8; do
        flux kvs put --raw big=- <big || return 1
    done
}
flux submit --cc=1-2000 --quiet --setattr=system.exec.test.run_duration=0.001ms true &
submit=$!
succeeds 'large messages in a burst' puts
wait $submit
flux queue drain
echo "# at once: $(huge) huge mappings, $(resident) KB"
succeeds 'their pages are ordinary ones again' until_true none_is_huge
echo "# later: $(resident) KB"
finish
