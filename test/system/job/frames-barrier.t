# What the shells of a job exchange and makes no sense fails the job; nobody waits.
. "${0%/*}/../lib.sh"

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    mkdir conf
    cat >shell.sh <<END
#!/bin/sh
# the shells' server, and somebody else who writes into its pipe
(until [ -e $DIR/end ]; do
    if mv $DIR/inject $DIR/injected.\$\$ 2>/dev/null; then
        cat $DIR/injected.\$\$
        touch $DIR/done
    fi
    sleep 0.1
done) &
exec $FLUX_TEST_BUILD/src/shell/flux-shell "\$@"
END
    chmod +x shell.sh
    cat >conf/exec.toml <<END
[exec]
job-shell = "$DIR/shell.sh"
END
fi
under_flux 2 -c "$DIR/conf"

job=$(flux submit -N2 -n2 sh -c \
    'until [ -e go ]; do sleep 0.1; done; flux pmi barrier; exec sleep 1000')
flux job wait-event "$job" start >/dev/null
printf 'b %s {\n' "$(flux job id --to=dec "$job")" >inject.new
mv inject.new inject
while [ ! -e done ]; do sleep 0.1; done
touch go
like 'a barrier with keys that are none fails its job' 'exchanged: no keys and values' \
    flux job wait-event -t 60 "$job" exception
is 'and ends it' '' flux job wait-event -q -t 60 "$job" clean
like 'others can be started on both nodes' here flux run -N2 -n2 echo here
touch end
finish
