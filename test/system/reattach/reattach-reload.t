# Where jobs outlive their brokers, they outlive job-exec, too: one that is loaded again
# finds them, on whatever ranks.
. "${0%/*}/../lib.sh"
# shellcheck source=test/system/reattach/instance.sh
. "$FLUX_TEST_SOURCE/test/system/reattach/instance.sh"
# shellcheck source=test/system/reattach/whole.sh
. "$FLUX_TEST_SOURCE/test/system/reattach/whole.sh"

# count NAME: says numbers until it may end, and how many that were.
cat >count.sh <<EOL
cd $DIR
rank=\$FLUX_TASK_RANK n=0
echo \$rank >>\$1.ran
until [ -e end ]; do
    n=\$((n + 1))
    echo "\$rank \$n"
    [ \$((n % 200)) != 0 ] || sleep 0.01
    [ \$n != 3000 ] || : >\$1.said.\$rank
done
echo "\$rank end \$n"
exit 3
EOL
begin 4
one=$(flux submit sh count.sh one)
far=$(flux submit --requires=rank:3 sh count.sh far)
kvs=$(flux submit -N4 -n4 sh count.sh kvs)
file=$(flux submit -N4 -n4 --output=file.out sh count.sh file)
simulated=$(flux submit --setattr=exec.test.run_duration=300s true)
canceled=$(flux submit -N4 -n4 sleep 300)
said one.said.0 far.said.0
for rank in 0 1 2 3; do said kvs.said.$rank file.said.$rank; done
for i in 1 2 3; do
    succeeds "job-exec is loaded again ($i)" flux module reload job-exec
    flux run true
done
is 'they run' 6 sh -c "flux jobs -no '{id}' -f running | wc -l"
# a job that ends while it is not there
flux module remove job-exec
flux cancel "$canceled"
: >end
flux cancel "$simulated"
flux module load job-exec
for id in $one $far $kvs $file $simulated $canceled; do
    flux job wait-event -q -t 60 "$id" clean || echo "# $id does not end"
done
is 'output of one' 1 whole one "$one"
is 'of one on another rank' 1 whole far "$far"
is 'of several' 4 whole kvs "$kvs"
is 'into a file' 4 whole file "$file"
is 'each ran once' '10' sh -c 'cat ./*.ran | wc -l'
is 'their statuses' '3 3 3 3' \
    sh -c "flux jobs -ano '{returncode}' $one $far $kvs $file | xargs"
is 'events' 'submit validate depend priority alloc start finish release free clean' names "$kvs"
like 'what was canceled meanwhile has ended' 'exception type="cancel"' \
    sh -c "flux job eventlog $canceled"
succeeds 'and its tasks with it' until_true_here sh -c '! pgrep -xf "sleep 300"'
rm -f end

# One that is not loaded again: nobody is waited for, and the servers end in their time.
end
begin 1 1s
id=$(flux submit sleep 306)
flux job wait-event -q -t 60 "$id" start
flux module remove job-exec
succeeds 'the instance ends without it' end
succeeds 'and so do the servers, and what they ran' \
    until_true_here sh -c '! pgrep -xf "sleep 306" >/dev/null'
until_true_here no_servers
finish
