# A key of the configuration that nobody reads is refused, when the instance starts and
# when it is reloaded.
. "${0%/*}/../lib.sh"
refused () {
    printf '[%s]\nnosuch-key = 1\n' "$1" >bad.toml
    fails "$1, at the start" 1 "$1.*nosuch-key" flux start --config-path=bad.toml true
    : >now.toml
    fails "$1, reloaded" 1 "$1.*nosuch-key" flux start --config-path=now.toml \
        sh -c 'cp bad.toml now.toml; flux config reload'
}
for table in kvs job-manager job-manager.housekeeping; do
    refused $table
done

# What would end the next start is refused now, and is not the configuration then.
: >now.toml
echo 'flux config load <bad.json' >load.sh
wrong () {
    printf '%s\n' "$3" >bad.json
    fails "$1" 1 "$2" flux start --config-path=now.toml sh load.sh
}
wrong 'ranks that are none' 'resource.exclude' '{"resource":{"exclude":"[[["}}'
wrong '  ranks beyond' 'resource.exclude' '{"resource":{"exclude":"0-99999999999"}}'
wrong '  another type' 'resource' '{"resource":{"norestrict":"x"}}'
wrong 'access is no table' 'access: must be a table' '{"access":5}'
wrong '  another type' 'access.allow-guest-user: must be true or false' \
    '{"access":{"allow-guest-user":"yes"}}'
wrong '  another key' 'access.allow-guests: there is no such key' \
    '{"access":{"allow-guests":true}}'
wrong 'exec: another type' 'exec.kill-timeout: must be a string' \
    '{"exec":{"kill-timeout":[]}}'
wrong '  no duration' "exec.kill-timeout: 'soon' is not a duration" \
    '{"exec":{"kill-timeout":"soon"}}'
wrong 'tbon: another type' 'tbon.topo: must be a string or an integer' \
    '{"tbon":{"topo":{}}}'
wrong '  no attribute' 'tbon.nosuch: unknown attribute' '{"tbon":{"nosuch":1}}'
wrong 'bootstrap: another type' 'bootstrap.hosts: must be an array' \
    '{"bootstrap":{"hosts":"x"}}'
wrong '  a signal that is none' "exec.term-signal: 'STOPP' is no signal" \
    '{"exec":{"term-signal":"STOPP"}}'
wrong '  a helper without its path' "exec.imp: 'flux-imp' is no absolute path" \
    '{"exec":{"imp":"flux-imp"}}'
wrong 'archive is not here' 'archive: there is no job-archive service' \
    '{"archive":{"period":"1m"}}'
wrong 'sched-simple is no table' 'sched-simple: must be a table' '{"sched-simple":"x"}'
wrong 'a graph scheduler that is not loaded: another key' \
    'sched-fluxion-qmanager.queue-polici: there is no such key' \
    '{"sched-fluxion-qmanager":{"queue-polici":"easy"}}'
wrong '  another type' 'sched-fluxion-resource.match-policy: must be a string' \
    '{"sched-fluxion-resource":{"match-policy":1}}'
wrong 'content-sqlite: another type' 'content-sqlite.synchronous: must be a string' \
    '{"content-sqlite":{"synchronous":1}}'
wrong '  no mode' "content-sqlite.journal_mode: 'x' is none" \
    '{"content-sqlite":{"journal_mode":"x"}}'
at_start () {
    printf '%s\n' "$3" >bad.json
    fails "$1, at the start" 1 "$2" flux start --config-path=bad.json true
}
at_start 'access is no table' 'access: must be a table' '{"access":5}'
at_start 'exec: another type' 'exec.kill-timeout: must be a string' \
    '{"exec":{"kill-timeout":[]}}'
at_start 'the table of a scheduler that is not loaded' \
    'sched-fluxion-resource.nosuch: there is no such key' \
    '{"sched-fluxion-resource":{"nosuch":1}}'
at_start '  what is not here' 'exec.method: job shells are started by job-exec itself' \
    '{"exec":{"method":"bgexec"}}'
at_start 'archive is not here' 'archive: there is no job-archive service' \
    '{"archive":{}}'
at_start 'bootstrap: another type' 'bootstrap.hosts: must be an array' \
    '{"bootstrap":{"hosts":"x"}}'
wrong 'a queue without a name' 'queues' '{"queues":{"":{}}}'
python3 -c 'print ({"queues": {f"q{i}": {} for i in range (5000)}})' | tr "'" '"' >many
wrong '  more than can be' 'more than 1024' "$(cat many)"
finish
