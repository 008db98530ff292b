# Commands of few lines: update, multi-prog, keygen, pmi, python, env, config set and
# unset, job stats, raise and memo; hints at what was meant.
. "${0%/*}/../lib.sh"
under_flux 2 -Slog-stderr-level=3

# update
id=$(flux submit -t 10m --job-name=upd sleep 600)
flux job wait-event "$id" start >/dev/null
like 'update -n: JSON' '^\{"attributes.system.duration": 3600.0, "attributes.system.job.name": "foo", "tasks.x": 1\}$' \
    flux update -n "$id" duration=1h name=foo tasks.x=1
succeeds 'update: more time' flux update "$id" duration=+1m
like 'update: it is there' '^11m$' flux jobs -no '{duration!F}' "$id"
run flux update --verbose --wait "$id" duration=2h
case $err in
*'updated attributes.system.duration to 7200'*) ok 'update -v' ;;
*) not_ok 'update -v' "$err" ;;
esac
fails 'update: the past' 1 'expiration in the past' flux update "$id" duration=0.001s
fails 'update: no duration' 1 "invalid Flux standard duration" flux update "$id" duration=foo
fails 'update: less than nothing' 1 ".2h. cannot be reduced by 3h" flux update "$id" duration=-3h
fails 'update: unknown key' 1 'attributes.system.nosuch not supported' flux update "$id" nosuch=1
fails 'update: no update' 2 'KEY=VALUE' flux update "$id"
fails 'update: no value' 2 "'duration' is none" flux update "$id" duration
fails 'update: no such job' 1 'unknown job' flux update ƒ999 duration=1h
fails 'update: no id' 1 "invalid JobID value: 'notanid'" flux update notanid duration=1h
flux cancel "$id"
flux job wait-event "$id" clean >/dev/null
fails 'update: an inactive job' 1 'inactive' flux update "$id" duration=1h
id=$(flux submit --urgency=hold true)
fails 'update: no limit to add to' 1 'no time limit' flux update "$id" duration=+1h
succeeds 'update: a pending job' flux update "$id" name=nn duration=1h
like 'update: name and duration' '^nn 1h$' flux jobs -no '{name} {duration!F}' "$id"

# memo, raise
succeeds 'memo: a dotted key' flux job memo "$id" a.b=5 c=x
like 'memo: is an object' '^5 x$' flux jobs -no '{user.a.b} {user.c}' "$id"
fails 'memo: half a key' 1 'memo: a..b' flux job memo "$id" a..b=1
succeeds 'raise: words behind the id are the note' \
    flux job raise --type=foo --severity=2 "$id" some note
like 'raise: the note is whole' 'exception type="foo" severity=2 note="some note"' \
    flux job eventlog "$id"
succeeds 'raise: options behind the id' flux job raise "$id" -s 3 --type=bar late note
like 'raise: they count' 'exception type="bar" severity=3 note="late note"' \
    flux job eventlog "$id"
succeeds 'raise: -- ends the ids' flux job raise -s 4 -t three "$id" -- 123 -x
like 'raise: the note may look like anything' 'type="three" severity=4 note="123 -x"' \
    flux job eventlog "$id"
fails 'raise: an option that is none changes nothing' 1 'invalid option' \
    flux job raise -s 0 -t never "$id" -Z
fails 'raise: two notes' 1 'given twice' flux job raise -t never -m a "$id" b
fails 'raise: no id' 1 'error parsing jobid' flux job raise -t never note
run flux job eventlog "$id"
case $out in
*never*) not_ok 'raise: what was refused left no trace' "$out" ;;
*) ok 'raise: what was refused left no trace' ;;
esac
flux cancel "$id"
flux job wait-event "$id" clean >/dev/null

# stats
like 'job stats' '"job_states":\{.*"inactive":' flux job stats

# multi-prog
cat >mp.conf <<'EOT'
# comment
0-1  echo task %t offset %o
2    sh -c 'echo "third %t"'
*    echo rest %t
EOT
run sh -c 'flux run -n4 -l flux multi-prog mp.conf | sort'
[ "$out" = '0: task 0 offset 0
1: task 1 offset 1
2: third 2
3: rest 3' ] && ok 'multi-prog' || not_ok multi-prog "$out" "$err"
like 'multi-prog -n' '^3: echo rest 3$' flux multi-prog -n 3 mp.conf
fails 'multi-prog: no rank' 1 FLUX_TASK_RANK flux multi-prog mp.conf
fails 'multi-prog: no file' 1 nosuch.conf flux multi-prog nosuch.conf
fails 'multi-prog: no ranks' 2 "IDset value: 'foo'" flux multi-prog -n foo mp.conf
echo '0 echo a' >one.conf
fails 'multi-prog: no line' 1 'No matching line for rank 1' flux multi-prog -n 0-1 one.conf
echo '0 /nosuch' >one.conf
fails 'multi-prog: no program' 127 '/nosuch' env FLUX_TASK_RANK=0 flux multi-prog one.conf

# keygen
succeeds 'keygen' flux keygen --name=foo --meta=a=b,c=d cert
[ "$(stat -c %a cert)" = 600 ] && grep -q 'public-key = "[^"]\{40\}"' cert \
    && grep -q '    a = "b"' cert && grep -q 'name = "foo"' cert \
    && ok 'keygen: keys, metadata, mode 600' || not_ok 'keygen: keys' "$(cat cert)"
fails 'keygen: no directory' 1 '/nosuchdir/cert' flux keygen /nosuchdir/cert
fails 'keygen: a quote in a value' 1 quotes flux keygen --meta='a=b"c' cert2
[ ! -e cert2 ] && ok 'keygen: no file then' || not_ok 'keygen: a file'

# flux job info without a key, and others that lack something
id=$(flux submit true)
fails 'job info: which keys there are' 1 'a key is needed: J, R, eventlog' flux job info "$id"
fails 'job eventlog: no such job' 1 'job f999 not found$' flux job eventlog f999
fails 'content load: nothing' 1 'no blobref' flux content load
fails 'jobs: no such field of an instance' 1 'Unknown format field: instance.nosuch$' \
    flux jobs -no '{instance.nosuch}'
fails 'jobs: no such resources of an instance' 1 'Unknown format field: instance.resources.x.ncores$' \
    flux jobs -no '{instance.resources.x.ncores}'
fails 'overlay status --wait: no longer than --timeout' 1 '[-][-]wait=lost: Connection timed out$' \
    flux overlay status --wait=lost --timeout=0.1s
like 'ping -u: who, and then how long' '^0!kvs.ping pad=0 userid=[0-9]+ rolemask=0x5 seq=0 time=' \
    flux ping -u -c1 kvs
flux exec -r0 --bg --waitable sleep inf >background
is 'sproc: no label' "- R" sh -c "flux sproc ps -no '{label} {state}'"
flux sproc kill 9 "$(sed "s/.*: //" background)"
flux submit --quiet --cc=1-3 --urgency=hold --job-name=ends true
fails 'pkill: what has ended is not there' 1 '^$' sh -c 'flux pkill --wait ends 2>/dev/null; flux pkill ends'

is 'taskmap: the node of each task, of a map' '0: 0 1: 0 2: 1 3: 1' sh -c \
    "echo \$(flux job taskmap --to=multiline '[[0,2,2,1]]')"
is 'taskmap: and of a job' '0: 0 1: 1' sh -c \
    'flux run -N2 true; echo $(flux job taskmap --to=multiline $(flux job last))'

# pmi
like 'pmi barrier' ': completed pmi barrier on 2 tasks$' flux run -n2 flux pmi barrier
like 'pmi exchange' ': completed pmi exchange on 2 tasks in' \
    flux run -n2 flux pmi exchange --count=2
like 'pmi get' '^0: .vector,.0,' flux run -n2 -l flux pmi get PMI_process_mapping
like 'pmi get --ranks' '^1: .vector' flux run -n2 -l flux pmi get --ranks=1 PMI_process_mapping
fails 'pmi get: no such key' 1 'get nosuch:' flux run -n2 flux pmi get nosuch
like 'pmi: alone' '^0: completed pmi barrier on 1 tasks$' flux pmi --method=single barrier
fails 'pmi: no such method' 1 "'nosuch'" flux pmi --method=nosuch barrier
fails 'pmi: not in a job' 1 PMI_FD flux pmi --method=simple barrier

is 'pmi barrier: so often' 3 sh -c 'flux run -n2 flux pmi barrier --count=3 | grep -c "on 2 tasks$"'
is 'pmi barrier: by its other name' 2 sh -c 'flux run -n2 flux pmi barrier --test-count=2 | wc -l'
like 'pmi barrier: how long' ': completed pmi barrier on 2 tasks in [0-9.]*s[.]$' \
    flux run -n2 flux pmi barrier --test-timing
fails 'pmi barrier: a task aborts' 1 'as it was told' flux run -n2 flux pmi barrier --test-abort=1
fails 'pmi barrier: a task that is not there' 1 'there are 2 tasks' \
    flux run -n2 flux pmi barrier --test-abort=2
for method in libpmi libpmi2; do
    like "pmi: by $method" ': completed pmi exchange on 2 tasks in' \
        flux run -n2 flux pmi --method=$method exchange
    is "pmi: what $method knows" '0: 1
1: 1' sh -c "flux run -n2 -l flux pmi --method=$method get --ranks=all flux.instance-level | sort"
    fails "pmi: $method, and not Flux's" 1 'libpmi2?.so is that of Flux' \
        flux run flux pmi --libpmi-noflux --method=$method:$FLUX_TEST_BUILD/src/libs/$method.so barrier
    is "brokers by $method" "2 $method 2" sh -c "flux run -n2 flux broker \
        -Sbroker.boot-method=$method sh -c 'echo \$(flux getattr size; flux getattr broker.boot-method
        flux run -N2 hostname | wc -l)'"
done
fails 'pmi: a library that is none' 1 '/nosuch.so' flux pmi --method=libpmi:/nosuch.so barrier
# Cray's library has values as base64, and nothing of Flux.
like 'pmi: as if it were Cray'"'"'s' 'value=a2V5LjAuMA==$' sh -c \
    'flux run flux pmi -v --libpmi2-cray --method=libpmi2 exchange 2>&1'
fails 'pmi: nothing of Flux is there' 1 'get flux.instance-level: ' \
    flux run flux pmi --libpmi2-cray --method=libpmi2 get flux.instance-level
# python, env, version
mkdir -p py/a py/b
touch py/a/flux-python3.9 py/b/flux-python3.10 py/b/flux-python3.9 py/b/flux-python
is 'python --list-versions' 'python3.9 python3.10' env "FLUX_EXEC_PATH_PREPEND=$PWD/py/a" \
    "FLUX_EXEC_PATH=$PWD/py/b" sh -c 'echo $(flux python --list-versions)'
printf '#!/bin/sh\necho "version $1"\n' >py/b/flux-python3.10; chmod +x py/b/flux-python3.10
is 'python of a version' 'version x' env "FLUX_EXEC_PATH=$PWD/py/b" flux python3.10 x
like 'python: a path of ours in front, once' '^/pre:[^:]*/src/python:[^:]*:/old$' \
    env FLUX_PYTHONPATH_PREPEND=/pre PYTHONPATH=/old flux env flux env printenv PYTHONPATH
like 'Lua: modules in C in front' "^export LUA_CPATH_5_4='/pre/[?].so;[^;]*/[?].so;;'\$" \
    env FLUX_LUA_CPATH_PREPEND='/pre/?.so' flux env flux env
like 'Lua: modules in front' "^export LUA_PATH_5_4='/pre/[?].lua;;'\$" \
    env FLUX_LUA_PATH_PREPEND='/pre/?.lua' flux env flux env
like 'python' '^3$' flux python -c 'print(1 + 2)'
like 'python --get-path' '/src/python:/some/where$' env PYTHONPATH=/some/where flux python --get-path
like 'env: a shell can read it' "^$FLUX_URI\$" sh -c \
    'x=$(flux env); unset FLUX_URI; eval "$x"; echo $FLUX_URI'
like 'python: the package is found, also by jobs' '^0 2$' flux run flux python -c \
    'import flux; h = flux.Flux(); print(h.get_rank(), h.attr_get("size"))'
like 'env: quotes' "it's" sh -c 'PYTHONPATH="it'"'"'s"; export PYTHONPATH; x=$(flux env)
    unset PYTHONPATH; eval "$x"; echo "$PYTHONPATH"'
like 'env COMMAND' '^hi$' flux env echo hi
like 'version: build options' 'build-options:.*[+]hwloc' flux version

# config
succeeds 'config set KEY VAL' flux config set a.b 5
like 'config set: an integer' '^5$' flux config get -t integer a.b
succeeds 'config set -t string' flux config set -t string a.c 5
like 'config set: a string' '^5$' flux config get -t string a.c
succeeds 'config set: a string stays one' flux config set a.c 7
like 'config set: it did' '^7$' flux config get -t string a.c
succeeds 'config set -t real' flux config set -t real a.r 5
like 'config set: a real' '^5.0$' flux config get -t real a.r
fails 'config set: not that type' 1 'a.d does not have the requested type' \
    flux config set -t integer a.d foo
fails 'config set: an unknown type' 1 'Unknown type: nosuch' flux config set -t nosuch a.d 1
fails 'config set: no duration' 1 'duration' flux config set -t fsd a.d foo
succeeds 'config unset' flux config unset a.b a.c
fails 'config unset: it is gone' 1 'a.b is not set' flux config get a.b
fails 'config unset: it was not there' 1 'a.b is not set' flux config unset a.b
echo 'x = 3' >x.toml
like 'config get -c' '^3$' flux config get -c x.toml x
fails 'config get -c: no file' 1 nosuch flux config get --config-path=nosuch x
succeeds 'config reload --follower-noop' flux exec -r 1 flux config reload --follower-noop

# hostlist, pgrep, dates, what became of jobs
is 'hostlist: stdin' 'h[1-3]' sh -c 'echo h1 h2 h3 | flux hostlist'
fails 'hostlist: of standard input, on which nothing comes' 1 'nothing to read .* within 0.1s' \
    env FLUX_HOSTLIST_STDIN_TIMEOUT=0.1 sh -c 'mkfifo nothing; flux hostlist <>nothing'
fails 'hostlist: as long as what?' 1 "STDIN_TIMEOUT: invalid duration 'x'" \
    env FLUX_HOSTLIST_STDIN_TIMEOUT=x flux hostlist
is 'hostlist: never' 'h1' sh -c '{ flux kvs get --waitcreate go; echo h1; } |
    { flux kvs put go=; FLUX_HOSTLIST_STDIN_TIMEOUT=0 flux hostlist; } | tail -1'
is 'hostlist: what looks like an id and is none is a host' 'foo1,7' flux hostlist foo1 7
is 'hostlist: that needs no instance' 'foo1' env FLUX_URI=local:///nosuch flux hostlist foo1
fails 'hostlist: what can only be an id' 1 'ƒ1fff: ' flux hostlist ƒ1fff
is 'hostlist -l' '2' flux hostlist -l -c
is 'hostlist: find' '0 2' flux hostlist -F a,c a,b,c
fails 'hostlist: not found' 1 "'x' not found" flux hostlist -F x a,b
is 'hostlist -x indices' 'b' flux hostlist -x 0,2 a,b,c
is 'hostlist --unique' 'a,b' flux hostlist --unique b,a,b
id=$(flux submit -n999 --job-name=big true)
flux job wait-event "$id" clean >/dev/null
is 'what could not run has returncode 1' 1 flux jobs -no '{returncode}' "$id"
first=$(flux submit --job-name=ranged true)
second=$(flux submit --job-name=ranged true)
third=$(flux submit --job-name=ranged true)
is 'pgrep: a range of ids' "$first $second" sh -c "echo \$(flux pgrep -a $first..$second | tac)"
is 'pgrep: a range and a name' "$third" flux pgrep -a ranged "$(flux job id $third)..$third"
fails 'pgrep: a name that looks like a range' 1 '' flux pgrep -a "name:$first..$second"
fails 'pgrep: an expression that is none' 2 'expression error: \(' flux pgrep '('
fails 'watch: a date that is none' 2 "since: invalid value 'foo'" flux watch --since=foo
fails 'queue stop says what was to be done' 1 "^flux-queue: ERROR: stop: 'nosuch' is not" \
    flux queue stop nosuch
is 'pgrep -f, options behind' "$id" flux pgrep big -f failed
is 'pgrep: a header with --format' 'NAME
big' flux pgrep -a -o '{name}' big -c 1
fails 'pgrep: no such filter' 1 'Invalid filter' flux pgrep -f nosuch .
a=$(flux submit --urgency=hold false)
b=$(flux submit --dependency=afternotok:$a hostname)
flux cancel "$a"
flux job wait-event "$b" clean >/dev/null
like 'afternotok: a job that never started' 'type="dependency".*never started' \
    flux job eventlog "$b"
like 'jobs --since: as people write it' '^big$' flux jobs -a --since='2 hours ago' -no '{name}'
fails 'dmesg -d without -H' 1 'can only be used with --human' flux dmesg -d
like 'dmesg -H -d' '^\[' flux dmesg -H -d
like 'start: one word with blanks and slashes' '^/tmp$' flux start 'ls -d /tmp'

# hints, and = behind short options
fails 'a command that was meant' 1 "Did you mean .submit" flux sumbit true
fails 'an option that was meant' 2 "did you mean '--time-limit'" flux submit --time-limt=1 true
like 'a = behind a short option' '"duration": *60' flux submit -n=1 -t=1m --dry-run true
like 'and in a directive' '"count": *2' sh -c \
    'printf "#!/bin/sh\n#FLUX: -c=2\n#FLUX: -n=1\ntrue\n" >s.sh; flux batch --dry-run s.sh'
finish
