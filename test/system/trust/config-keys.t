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
wrong 'a queue without a name' 'queues' '{"queues":{"":{}}}'
python3 -c 'print ({"queues": {f"q{i}": {} for i in range (5000)}})' | tr "'" '"' >many
wrong '  more than can be' 'more than 1024' "$(cat many)"
finish
