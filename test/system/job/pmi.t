# PMI-1 for tasks, and instances inside jobs.
. "${0%/*}/../lib.sh"
under_flux 4

cat >client.sh <<'EOS'
ask () { echo "$1" >&3; read -r answer <&3; echo "$answer"; }
[ "$PMI_FD" = 3 ] || exit 1
ask 'cmd=init pmi_version=1 pmi_subversion=1' >init.$PMI_RANK
ask 'cmd=get_my_kvsname' >name.$PMI_RANK
ask 'cmd=get_universe_size' >size.$PMI_RANK
kvs=$FLUX_JOB_ID
ask "cmd=put kvsname=$kvs key=key$PMI_RANK value=value of $PMI_RANK" >put.$PMI_RANK
ask 'cmd=barrier_in' >barrier.$PMI_RANK
other=$(((PMI_RANK + 1) % PMI_SIZE))
ask "cmd=get kvsname=$kvs key=key$other" >get.$PMI_RANK
ask "cmd=get kvsname=$kvs key=flux.instance-level" >level.$PMI_RANK
ask "cmd=get kvsname=$kvs key=PMI_process_mapping" >map.$PMI_RANK
ask "cmd=get kvsname=$kvs key=nosuch" >nosuch.$PMI_RANK
ask 'cmd=finalize' >finalize.$PMI_RANK
EOS
for nodes in 2 4; do
    succeeds "exchange on $nodes nodes" flux run -N$nodes -n4 sh ./client.sh
    like "init ($nodes)" 'cmd=response_to_init .*rc=0|cmd=response_to_init rc=0' cat init.0
    like "barrier ($nodes)" 'cmd=barrier_out' cat barrier.3
    like "value of the neighbour ($nodes)" 'value=value of 3' cat get.2
    like "value of the first ($nodes)" 'value=value of 0' cat get.3
    like "universe ($nodes)" 'size=4' cat size.0
    like "no such key ($nodes)" 'rc=-?[1-9]' cat nosuch.1
    like "instance level ($nodes)" 'value=1' cat level.2
    like "finalize ($nodes)" 'cmd=finalize_ack' cat finalize.1
    rm -f *.[0-3]
done
is 'off' unset flux run -o pmi=off sh -c 'echo ${PMI_FD:-unset}'
like 'abort' 'type="exec" severity=0 note="PMI_Abort from rank 1: help' sh -c '
    id=$(flux submit -n2 -N2 sh -c "[ \$PMI_RANK = 0 ] || echo cmd=abort exitcode=5 error_msg=help >&3; exec sleep 300")
    flux job wait-event -t 30 $id exception'
succeeds 'garbage from a client' flux run sh -c 'echo garbage >&3; true'

is 'an instance in a job' '2 1' flux run -N2 flux start sh -c 'echo $(flux getattr size) $(flux getattr instance-level)'
like 'its path' '^/ƒ[0-9A-Za-z]+$' flux run flux start flux getattr jobid-path
is 'its jobs' '0: 0 1: 0' sh -c 'flux run -N2 flux start flux run -N2 -l sh -c "echo \$FLUX_TASK_LOCAL_ID" | sort | xargs'
is 'three levels' 2 flux run flux start flux run flux start flux getattr instance-level
id=$(flux batch -N2 -n2 --output=batch.out --wrap flux getattr size)
flux job wait-event -t 60 $id clean >/dev/null
is 'batch' 2 cat batch.out
finish
