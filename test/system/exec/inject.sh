# For tests of what comes from the shells of a rank, between lib.sh and under_flux:
#
#   . "${SCRIPT%/*}/inject.sh"
#   under_flux 2 -c "$DIR/conf"
#   inject 'nonsense'          # a line in the pipe from one server of shells to job-exec

if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    mkdir conf
    cat >shell.sh <<END
#!/bin/sh
# the shells' server, and somebody else who writes into its pipe
(while [ -d $DIR/conf ]; do
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

# inject LINE: it is in the pipe when this returns.
inject () {
    rm -f done
    printf '%s\n' "$1" >inject.new
    mv inject.new inject
    while [ ! -e done ]; do :; done
}
