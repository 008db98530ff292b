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
finish
