# shell.lost: what the leader's plugins hear when another shell of the job is gone.
. "${0%/*}/../lib.sh"
under_flux 3
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip plugins 'programs of others are not sanitized'
    finish
    exit 0
fi

cat >watching.c <<'EOL'
#define FLUX_SHELL_PLUGIN_NAME "watching"
#include <flux/shell.h>
static int lost (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args, void *data)
{
    int rank, severity;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:i s:i}", "shell_rank", &rank,
                                "severity", &severity) < 0)
        return shell_log_errno ("what is lost?");
    shell_log ("%s: rank %d, severity %d", topic, rank, severity);
    return rank == 2 ? -1 : 0;
}
int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "shell.lost", lost, NULL);
}
EOL
cc -std=c11 -Wall -Wextra -Wno-unused-parameter -Werror -shared -fPIC \
    -I"$FLUX_TEST_SOURCE/include" -o watching.so watching.c || exit 1
echo "plugin.load { file = \"$PWD/watching.so\" }" >watching.lua
cat >critical.py <<'EOL'
import sys, flux
from flux.job import JobID
flux.Flux().rpc("job-exec.critical-ranks", {"id": JobID(sys.argv[1]), "ranks": sys.argv[2]}).get()
EOL

# lose RANK CRITICAL [OPTION...]: a job of three shells; that of RANK is killed by its task.
# The task of the leader goes on until it is told to end.
lose () {
    rank=$1 critical=$2
    shift 2
    rm -f die end
    mkfifo die end
    id=$(flux submit -N3 -n3 -o userrc=watching.lua -o exit-timeout=none "$@" sh -c \
        "case \$FLUX_TASK_RANK in
        0) read -r x <end; echo ends ;;
        $rank) read -r x <die; kill -KILL \$PPID ;;
        *) [ $rank = 2 ] || exit 0; exec sleep inf ;;
        esac")
    flux job wait-event -q -t 30 "$id" start
    flux python critical.py "$id" "$critical"
    echo now >die
    flux job wait-event -t 30 "$id" exception
}
log () { flux job wait-event -q -t 30 "$id" clean; flux job attach "$id" >log 2>&1; }

like 'a shell is lost that is not critical' \
    'severity=2 .*lost contact with job shell on rank 1: Killed' lose 1 0
echo now >end
log
like 'plugins of the leader hear of it' \
    'flux-shell\[0\]: watching: shell.lost: rank 1, severity 2' cat log
like 'and the job goes on' '^ends$' cat log
is 'to its end' COMPLETED flux jobs -no '{status}' "$id"

like 'one that is critical' 'severity=0 .*lost contact with job shell on rank 1' lose 1 0-2
log
like 'they hear of it as well' 'watching: shell.lost: rank 1, severity 0' cat log
is 'the job has failed' FAILED flux jobs -no '{status}' "$id"

like 'a handler that fails' 'severity=2' lose 2 0
log
like 'is named' "plugin 'watching': shell.lost failed" cat log
is 'and fails the job' FAILED flux jobs -no '{status}' "$id"

like 'exit-on-error' 'severity=2' lose 1 0 -o exit-on-error
log
like 'ends the job that could have gone on' 'shell rank 1 is lost' cat log
is 'which fails' FAILED flux jobs -no '{status}' "$id"
like 'exit-timeout' 'severity=2' lose 2 0 -o userrc=/dev/null -o exit-timeout=0.1s
log
like 'counts from then on' 'others still run after exit-timeout' cat log
finish
