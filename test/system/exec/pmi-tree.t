# Keys of tasks on many brokers: each gets those of all, and no broker sends more than
# its children need. The growth is tried by torture/pmi-exchange; this is a short one.
. "${0%/*}/../lib.sh"

like '16 tasks on 4 brokers' '^16 tasks 4 brokers most [0-9]+ all [0-9]+ ms [0-9]+$' \
    env SIZES=4 TASKS=4 sh "$FLUX_TEST_SOURCE/test/torture/pmi-exchange"
under_flux_ok () {
    flux start -s5 -Stbon.topo=kary:2 sh -c "$1"
}
# 0 - 1 - {3,4}, 0 - 2: the exchange of 3 and 4 does not pass rank 1
is 'an exchange stays below the lowest rank above its shells' '0 0' under_flux_ok '
    flux run -N2 --requires=rank:3-4 flux pmi barrier >&2
    echo $(flux module stats -p agent.exchange_bytes job-exec) \
        $(flux exec -r 2 flux module stats -p agent.exchange_bytes job-exec)'
is 'one that has ended leaves nothing' '0 0 0 0 0' under_flux_ok '
    flux run -N5 flux pmi exchange >&2
    flux run -N3 -o exit-timeout=0.1s sh -c "[ \$FLUX_TASK_RANK = 1 ] && exit 1; exec flux pmi barrier" >&2
    echo $(flux exec -r all flux module stats -p agent.exchanges job-exec)'
finish
