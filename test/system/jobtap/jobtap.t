# Plugins of job-manager: loading, removing, and what they may do to a job.
. "${0%/*}/../lib.sh"

CC="cc -shared -fPIC -Wall -Wextra -Wno-unused-parameter -Werror"
if [ -z "${FLUX_TEST_ACTIVE:-}" ]; then
    for c in "$FLUX_TEST_SOURCE"/examples/plugins/*.c \
        "$FLUX_TEST_SOURCE"/test/system/jobtap/faulty.c; do
        name=${c##*/}
        $CC -I"$FLUX_TEST_SOURCE/include" -o "$DIR/${name%.c}.so" "$c" || exit 1
    done
    echo 'int nothing;' | $CC -x c -o empty.so -
    echo 'int flux_jobtap_nosuch (void); int flux_plugin_init (void *p)
          { return flux_jobtap_nosuch (); }' | $CC -x c -o unresolved.so -
    cat >conf.toml <<EOF
[[job-manager.plugins]]
load = "$DIR/require-name.so"
[job-manager.plugins.conf]
pattern = "a*"
[[job-manager.plugins]]
remove = "require-*"
load = "$DIR/count-states.so"
EOF
fi
under_flux 2 -c conf.toml

is 'plugins of the configuration are loaded in order' 'count-states.so' flux jobtap list

# Loading and removing.
succeeds 'a plugin is loaded' flux jobtap load "$DIR/require-name.so" pattern='good*'
is 'it is listed behind the other' 'count-states.so
require-name.so' flux jobtap list
like 'it says where it is from' "^{\"name\":\"require-name.so\",\"path\":\"$DIR/require-name.so\"" \
    flux jobtap query require-name.so
fails 'twice is refused' 1 'ERROR: require-name.so already loaded' \
    flux jobtap load "$DIR/require-name.so"
fails 'a file that is not there' 1 'ERROR: nosuch.so not found' flux jobtap load nosuch.so
fails 'a path that is not there' 1 'ERROR: /nosuch.so: No such file' \
    flux jobtap load /nosuch.so
fails 'no shared object' 1 'ERROR: dlopen: /etc/hostname: file too short' \
    flux jobtap load /etc/hostname
fails 'no entry' 1 "ERROR: .*empty.so: there is no flux_plugin_init" \
    flux jobtap load ./empty.so
fails 'a name that is not there' 1 'ERROR: .*undefined symbol: flux_jobtap_nosuch' \
    flux jobtap load ./unresolved.so
fails 'an entry that fails' 1 'ERROR: faulty.so: flux_plugin_init failed' \
    flux jobtap load ./faulty.so at=init
fails 'a plugin that does not like the configuration' 1 'ERROR: too small' \
    flux jobtap load ./faulty.so at=conf.update text='too small'
fails 'a value that is missing' 1 'Missing required value for key badconf' \
    flux jobtap load ./faulty.so badconf
fails 'to remove what is not there' 1 'ERROR: nosuch.so not found' flux jobtap remove nosuch.so
fails 'a conf that is none' 1 'conf is no object' flux python -c "
import flux, sys
try:
    flux.Flux().rpc('job-manager.jobtap', {'load': '$DIR/faulty.so', 'conf': [1]}).get()
except OSError as e:
    sys.exit(str(e))"
fails 'to query what is not there' 1 'ERROR: nosuch: plugin not found' \
    flux jobtap query nosuch
fails 'no subcommand' 2 'Unknown subcommand: nosuch' flux jobtap nosuch
fails 'no plugin' 2 'Usage' flux jobtap load
fails 'what would be replaced is kept if loading fails' 1 'no flux_plugin_init' \
    flux jobtap load -r 'require*' ./empty.so
is 'in its place' 'count-states.so
require-name.so' flux jobtap list

# Rejected jobs.
fails 'a job is rejected with the text of the plugin' 1 \
    'job name bad does not match good\*' flux submit --job-name=bad true
fails 'and another one' 1 'a job must have a name' flux submit true
is 'nothing of them is left' '0' sh -c 'flux jobs -an | wc -l'
succeeds 'a job is accepted' flux run --job-name=good true
succeeds 'a plugin is removed' flux jobtap remove 'require*'
succeeds 'and rejects nothing any more' flux run true
like 'states were seen in order' '"dpsrci":2' flux jobtap query count-states.so

# A job that is there when a plugin comes, and goes.
hold=$(flux submit --urgency=hold true)
succeeds 'a plugin is replaced' flux jobtap load -r count-states.so ./count-states.so
flux cancel "$hold"
flux job wait-event -t 30 "$hold" clean >/dev/null
like 'it hears of jobs that are there' '"ci":1' flux jobtap query count-states.so

# Callbacks that fail.
for topic in job.state.depend job.state.priority job.state.sched job.state.run \
    job.state.cleanup job.new; do
    flux jobtap load ./faulty.so at=$topic || not_ok "load for $topic"
    fails "a failure of $topic ends the job" 1 \
        "type=jobtap severity=0 faulty.so: $topic failed" flux run true
    flux jobtap remove faulty.so
done
for topic in job.create job.validate; do
    flux jobtap load ./faulty.so at=$topic text='I am against it' ||
        not_ok "load for $topic"
    fails "a failure of $topic rejects the job" 1 'I am against it' flux run true
    flux jobtap remove faulty.so
done
for topic in job.state.inactive job.destroy job.inactive-add; do
    flux jobtap load ./faulty.so at=$topic || not_ok "load for $topic"
    succeeds "a failure of $topic comes too late" flux run true
    flux jobtap remove faulty.so
done

# Answers that make no sense.
answers () {
    flux jobtap load ./faulty.so at="$2" how="$3" || not_ok "load for $2"
    fails "$1" 1 "type=jobtap severity=0 faulty.so: $2: $4" flux run true
    flux jobtap remove faulty.so
}
answers 'a priority that is none' job.state.priority priority 'a priority is an integer'
answers 'an R that is none' job.state.sched R 'R is no resource set: .*R_lite'
flux jobtap load ./faulty.so at=job.state.depend how=post
succeeds 'events that cannot be are not posted' flux run true
flux jobtap remove faulty.so
is 'those that can are' '1 1' sh -c 'flux job eventlog $(flux job last) >log
    echo $(grep -c " jobspec-update .*odd" log) $(grep -c " a .b.*n" log)'

# Crashes are those of the broker, which says who it was.
dies () {
    fails "$1" "$2" "job-manager: jobtap plugin 'faulty.so' $3" timeout 30 flux start \
        sh -c "flux jobtap load $DIR/faulty.so at=$4 how=$5; flux run true; true"
}
dies 'a crash' 139 'crashed in job.state.run' job.state.run segv
dies 'an abort' 134 'crashed in job.create' job.create abort
dies 'a crash when it is loaded' 139 'crashed in flux_plugin_init' init segv
dies 'a call of exit' 0 'called exit .. in job.new' job.new exit

flux jobtap load ./faulty.so at=plugin.query text='ask me not'
fails 'a query that fails' 1 'ask me not' flux jobtap query faulty.so
succeeds 'all are removed' flux jobtap remove all
succeeds 'also if there are none' flux jobtap remove all
is 'none is left' '' flux jobtap list
succeeds 'jobs run' flux run true

# Configurations that are refused.
refused () {
    printf '%s\n' "$2" >bad.toml
    fails "$1" 1 "$3" timeout 30 flux start -c bad.toml true
}
refused 'a plugin that is not there' '[[job-manager.plugins]]
load = "nosuch.so"' 'bad.toml: job-manager.plugins\[0\]: load: nosuch.so not found'
refused 'a key that is not known' '[[job-manager.plugins]]
nosuch = 1' 'job-manager.plugins\[0\]: .*nosuch'
refused 'conf without load' '[[job-manager.plugins]]
remove = "all"
conf = {}' 'conf: only with load'
refused 'no array' '[job-manager]
plugins = 1' 'bad.toml: job-manager.plugins: must be an array of tables'

finish
