# A new configuration is answered when the modules have it, or by what one of them has
# against it; then nothing has changed.
. "${0%/*}/../lib.sh"
mkdir -p conf.d
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    printf '[kvs]\ncheckpoint-period = "30m"\n[heartbeat]\nperiod = "1s"\n' >conf.d/a.toml
fi
under_flux 2 --config-path=conf.d

printf '[kvs]\ncheckpoint-period = 5\n' >bad.toml
fails 'load: a module refuses it' 1 'config.load: kvs' flux config load bad.toml
is 'nothing has changed' 30m flux config get kvs.checkpoint-period
printf '[kvs]\ncheckpoint-period = "x"\n[heartbeat]\nperiod = "3s"\n' >conf.d/a.toml
fails 'reload: a module refuses it' 1 'kvs.checkpoint-period' flux config reload
is 'what another one had taken is as before' 1s flux config get heartbeat.period
printf '[kvs]\ncheckpoint-period = "20m"\n[heartbeat]\nperiod = "0.5s"\n' >conf.d/a.toml
succeeds 'reload: one that all take' flux config reload
is 'is the configuration' 20m flux config get kvs.checkpoint-period
like 'on all ranks' '^(0.5s\|?){2}' sh -c 'until [ "$(flux exec -r1 flux config get heartbeat.period)" = 0.5s ]; do :; done; flux exec flux config get heartbeat.period | tr "\n" "|"'
printf '[kvs\n' >conf.d/a.toml
fails 'reload: what is no TOML' 1 'a.toml' flux config reload
fails 'load: a queue that is none' 1 'job-manager: .*queues' \
    sh -c 'echo "[queues]
a = 5" | flux config load'
is 'nothing has changed' 20m flux config get kvs.checkpoint-period
succeeds 'jobs run' flux run true
finish
