# flux cron, on four brokers.
. "${0%/*}/../lib.sh"
under_flux 4

# until_true COMMAND, a text: asks again and again, while the test's time lasts
until_true () {
    until eval "$1" >/dev/null 2>&1; do
        flux getattr rank >/dev/null || return 1
    done
}
key () { flux cron dump --key="$2" "$1"; }
# waits for N events of the log
ticks () {
    n=0
    flux kvs eventlog get -wW -c "$2" "$1" | wc -l
}

like 'it is loaded' '^cron ' flux module list
is 'sync' 'sync: sync to event "heartbeat.pulse" epsilon=0.015s.' flux cron sync
is 'an interval' 'interval: cron-1 created' flux cron interval 1h hostname
is 'list' '    ID CMD/NAME        STATE        #RUNS            LASTRUN  STATUS            
     1 hostname        Active           0               None  None              ' flux cron list
# runs wait for the heartbeat, also if it has just been
flux cron sync --epsilon=0s heartbeat.pulse >/dev/null
is 'another' 'interval: cron-2 created' \
    flux cron interval -N named -c 2 -a 1ms 1ms sh -c 'flux kvs eventlog append log "tick tock"'
is 'it runs' 2 ticks log 2
succeeds 'and ends' until_true '[ "$(key 2 stopped)" = true ]'
like 'list: counts' '^     2 named           Stopped        2/2 .* Success +$' flux cron list
is 'each run was deferred' 2 key 2 stats.deferred
is 'arguments keep their words' '{"name":"tick tock"}' \
    sh -c "flux kvs eventlog get -u log | head -1 | jq -c 'del(.timestamp)'"
is 'sync --disable' 'sync: sync disabled.' flux cron sync --disable
like 'dump' '^type = "interval"$' flux cron dump 1
like 'dump: nested' '^typedata.interval = 3600.0$' flux cron dump 1
is 'dump: a key' '"named"' sh -c 'flux cron dump 2 | sed -n "s/^name = //p"'
is 'dump --key' 2 flux cron dump --key=stats.count 2
fails 'dump: no such key' 1 '^flux-cron dump: nosuch: there is no such key' \
    flux cron dump --key=nosuch 2
fails 'dump: no ID' 1 '^flux-cron dump: ID argument required$' flux cron dump
fails 'dump: no such ID' 1 '^flux-cron dump: cron-99: No such file' flux cron dump 99
is 'list --json' '[1,2]' sh -c 'flux cron list --json | jq -c "map(.id)"'

# wrong usage changes nothing
fails 'not an interval' 1 "^flux-cron interval: Invalid duration 'foo'$" flux cron interval foo true
fails 'no command' 1 '^flux-cron interval: INTERVAL and COMMAND required$' flux cron interval 1h
fails 'no time' 1 '^flux-cron interval: an interval is 1 ms' flux cron interval 0s true
fails 'no topic' 1 '^flux-cron event: TOPIC and COMMAND args are required$' flux cron event x
fails 'no such option' 1 '^flux-cron interval: --options=nosuch=1: there is no such option$' \
    flux cron interval -o nosuch=1 1h true
fails 'no such rank' 1 '^flux-cron interval: there is no such rank$' \
    flux cron interval -o rank=9 1h true
fails 'no number' 1 "'x' is not a number" flux cron interval -o rank=x 1h true
fails 'no such directory' 1 '^flux-cron interval: /nosuch: No such file' \
    flux cron interval -d /nosuch 1h true
fails 'a negative count' 1 'must not be negative' flux cron interval --count=-1 1h true
is 'nothing came of it' 2 sh -c 'flux cron list --json | jq length'

# stop, start, delete
is 'stop' 'Stopped cron-1' flux cron stop 1
fails 'stop again' 1 '^flux-cron stop: Invalid argument$' flux cron stop 1
is 'start' 'Started cron-1' flux cron start cron-1
fails 'start again' 1 '^flux-cron start: Invalid argument$' flux cron start 1
fails 'start: none' 1 '^flux-cron start: No such file or directory$' flux cron start 99
is 'a new start counts from 0' 0 sh -c 'flux cron start 2 >/dev/null; flux cron stop 1 >/dev/null
    flux cron dump --key=stats.count 1'
is 'and runs again' 4 ticks log 4
is 'delete' 'Removed cron-1: hostname' flux cron delete 1
fails 'delete again' 1 '^flux-cron delete: No such file or directory$' flux cron delete 1

# events
is 'an event' 'event: cron-3 created' flux cron event -N ev -n 2 -c 2 my.topic \
    sh -c 'flux kvs eventlog append evlog got'
for i in 1 2; do flux event pub -l my.topic; done
is 'the second is one' 1 ticks evlog 1
succeeds 'it has ended' until_true '[ "$(key 3 stats.success)" = 1 ]'
for i in 3 4 5 6; do flux event pub -l my.topic; done
is 'the fourth is the last' 2 ticks evlog 2
succeeds 'it is stopped' until_true '[ "$(key 3 stopped)" = true ]'
is 'others do not count' 2 key 3 stats.total
flux cron event -a 2 -N after other sh -c 'flux kvs eventlog append aftlog got' >/dev/null
for i in 1 2 3; do flux event pub -l other; done
is 'the first after two' 1 ticks aftlog 1

# what becomes of a run
flux cron interval -N bad -o stop-on-failure=2,task-history-count=3 1ms sh -c 'exit 3' >/dev/null
succeeds 'stopped on failure' until_true '[ "$(key 5 stopped)" = true ]'
like 'the status' '^     5 bad             Stopped          2 .* Failed:rc=3 +$' flux cron list
is 'history' '[3,3]' sh -c 'flux cron list --json | jq -c ".[]|select(.id==5)|[.task[].code]"'
flux cron interval -c 1 -a 0 1h /nonexistent >/dev/null
succeeds 'no such command' until_true '[ "$(key 6 stats.failure)" = 1 ]'
like 'is logged' 'cron.err\[0\]: cron-6: failure running /nonexistent: .*No such file' flux dmesg
like 'and listed' '^     6 /nonexistent .* Failed +$' flux cron list
flux cron interval -c 1 -a 0 -o timeout=0.1s 1h sleep inf >/dev/null
succeeds 'a timeout' until_true '[ "$(key 7 stats.failure)" = 1 ]'
like 'has its status' '^     7 sleep .* Timeout +$' flux cron list
flux cron interval -c 1 -a 0 -o rank=3 1h sh -c 'echo on $(flux getattr rank); echo bad >&2' >/dev/null
succeeds 'on another rank' until_true '[ "$(key 8 stats.success)" = 1 ]'
like 'output is logged' 'cron.info\[0\]: cron-8: stdout: on 3$' flux dmesg
like 'errors, too' 'cron.err\[0\]: cron-8: stderr: bad$' flux dmesg
mkdir there
MINE=yes flux cron interval -E -d there -c 1 -a 0 1h \
    sh -c 'flux kvs put env="$MINE $(basename $PWD)"' >/dev/null
is 'environment and directory' 'yes there' flux kvs get -W env
flux cron interval -c 1 -a 0 1h sh -c 'flux kvs put pid=$$; exec sleep inf' >/dev/null
pid=$(flux kvs get -W pid)
is 'delete --kill' 'Removed cron-10: sh' flux cron delete --kill 10
succeeds 'it is killed' until_true "! kill -0 $pid"
flux cron interval 1ms sh -c 'flux kvs put pid2=$$; exec sleep inf' >/dev/null
pid=$(flux kvs get -W pid2)
succeeds 'the next run waits for the last' until_true \
    "flux dmesg | grep -q 'cron-11: skipped: the last task is still running'"
flux cron delete 11 >/dev/null
succeeds 'delete leaves it alone' kill -0 $pid
kill $pid

# times
like 'at' '^at: cron-12 created: scheduled in [0-9.]+s at ' flux cron at '+1h' true
like 'at: a day' '^at: cron-13 created: .* at Mon ' flux cron at 'next monday' true
fails 'at: over' 1 "^flux-cron at: '2001-01-01 00:00': that time is over$" \
    flux cron at '2001-01-01 00:00' true
fails 'at: no time' 1 "^flux-cron at: 'not a date': not a time$" flux cron at 'not a date' true
like 'at: now' 'created' flux cron at +0.01s flux kvs put at=1
is 'it has run' 1 flux kvs get -W at
printf '# comment\n*/5 * * * * hostname -f\n\n@daily true\n' >tab
succeeds 'tab' flux cron tab tab
is 'its lines' '["hostname","hostname -f","*/5 * * * *"]
["true","true","@daily"]' sh -c "flux cron list --json |
    jq -c '.[]|select(.typedata.expr)|[.name,.command,.typedata.expr]'"
bad () { printf '0 0 * * * first\n61 * * * * x\n' | flux cron tab -; }
fails 'tab: a bad line' 1 '^flux-cron tab: stdin:2: minutes are 0-59$' bad
is 'makes no entry of the others' 2 \
    sh -c "flux cron list --json | jq '[.[]|select(.typedata.expr)]|length'"
fails 'tab: no file' 1 '^flux-cron tab: nosuch: No such file' flux cron tab nosuch
is 'sync: a topic' 'sync: sync to event "my.sync" epsilon=1.000s.' flux cron sync -e 1s my.sync
flux cron interval -c 1 -a 0 1h flux kvs put synced=1 >/dev/null
succeeds 'a run waits for it' until_true 'flux cron list | tail -1 | grep Deferred'
flux event pub my.sync
is 'and comes with it' 1 flux kvs get -W synced
fails 'an unknown command' 1 'Unknown subcommand|nosuch' flux cron nosuch
succeeds 'reload' flux module reload cron
is 'nothing is left' '[]' flux cron list --json
fails 'bad arguments' 1 'cron' sh -c 'flux module remove cron; flux module load cron nosuch=1'
finish
