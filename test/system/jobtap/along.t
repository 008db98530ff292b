# The plugins that come along: alloc-bypass, alloc-check, submit-hold; perilog loads itself.
. "${0%/*}/../lib.sh"
under_flux 1

# --- submit-hold ---

A=$(flux submit true)
flux job wait-event "$A" clean >/dev/null
succeeds 'submit-hold is loaded' flux jobtap load submit-hold.so
B=$(flux submit true)
like 'a job is held' '"urgency":0' flux job wait-event -f json "$B" urgency
fails 'it does not start' 1 'timeout' flux job wait-event -t 0.1 "$B" alloc
flux jobtap remove submit-hold.so
flux job urgency "$B" default >/dev/null
succeeds 'until it is let go' flux job wait-event "$B" clean

# --- alloc-bypass ---

flux run -n1 --dry-run hostname >spec.json
R=$(flux R encode --ranks=0 --cores=0 --hosts="$(hostname)")
bypass () { jq -c --argjson R "$R" '.attributes.system["alloc-bypass"].R = $R' spec.json; }
flux jobtap load alloc-bypass.so
all=$(flux submit -n"$(flux resource list -s free -no '{ncores}')" sleep 300)
flux job wait-event "$all" start >/dev/null
bypass >with.json
J=$(flux job submit with.json)
succeeds 'a job with its own R runs while the scheduler has nothing left' \
    flux job wait-event -t 30 "$J" clean
like 'its alloc event says so' '"bypass":true' flux job wait-event -f json "$J" alloc
is 'it did what it does' "$(hostname)" flux job attach "$J"
like 'R is its own' '"core": *"0"' flux job info "$J" R
jq -c '.attributes.system["alloc-bypass"].R = {"version": 2}' spec.json >bad.json
fails 'an R that is none' 1 'alloc-bypass: R: ' flux job submit bad.json

# --- alloc-check ---

succeeds 'alloc-check knows what runs when it is loaded' flux jobtap load alloc-check.so
J=$(flux job submit with.json)
like 'a job that gets what another has ends' '"type":"alloc-check"' \
    flux job wait-event -f json "$J" exception
like 'and is told what' 'rank0/core0: allocated to another job, too' \
    flux job wait-event -f json "$J" exception
flux job wait-event "$J" clean >/dev/null
flux cancel "$all"
flux job wait-event "$all" clean >/dev/null
J=$(flux job submit with.json)
is 'later they are free' "$(hostname)" flux job attach "$J"
is 'again and again' "$(hostname)" sh -c 'flux run hostname >/dev/null && flux run hostname'
flux jobtap remove alloc-check.so
flux jobtap remove alloc-bypass.so

# --- perilog ---

printf '[job-manager.prolog]\ncommand = ["sh", "-c", "echo ran >%s/prolog.out"]\n' "$PWD" >conf.toml
is 'a prolog that is configured runs' ran sh -c \
    'flux start -c conf.toml flux run true && cat prolog.out'
is 'since its plugin is there' perilog.so flux start -c conf.toml flux jobtap list
rm prolog.out
is 'also if it is configured later' ran sh -c '
    mkdir later; flux start -c later sh -c "cp conf.toml later && flux config reload && flux run true"
    cat prolog.out'
printf '[job-manager.prolog]\nbogus = 1\n' >bad.toml
fails 'what it does not understand is said' 1 'bad.toml: job-manager.prolog.bogus: there is no such key' flux start -c bad.toml true
finish
