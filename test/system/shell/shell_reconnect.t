# The broker of a job's shell is killed, and another one comes: the shell's handle leads
# there, its service and its events are there, what was asked before has failed, and plugins
# are told.
. "${0%/*}/../lib.sh"
include=$FLUX_TEST_SOURCE/include
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip plugins 'programs of others are not sanitized'
    finish
    exit 0
fi

cat >again.c <<'EOF'
#define FLUX_SHELL_PLUGIN_NAME "again"
#include <flux/shell.h>
#include <stdio.h>
#include <string.h>

static flux_shell_t *shell;

/* A file with a line tells the test. */
static void say (const char *file, const char *text)
{
    FILE *f = fopen ("new", "w");

    fprintf (f, "%s\n", text);
    fclose (f);
    rename ("new", file);
}

static void ask_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    flux_respond_pack (h, msg, "{s:s}", "said", "here");
}

static void event_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    say ("heard", "an event");
}

static void pending_cb (flux_future_t *f, void *arg)
{
    if (flux_future_get (f, NULL) == 0)
        flux_future_reset (f);
    else {
        say ("failed", strerror (errno));
        flux_future_destroy (f);
    }
}

/* It answers, and goes on to. */
static int begin (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args, void *data)
{
    flux_t *h = flux_shell_get_flux (shell = flux_plugin_get_shell (p));
    flux_future_t *f = flux_rpc_pack (h, "groups.get", 0, FLUX_RPC_STREAMING, "{s:s}",
                                      "name", "broker.online");

    return f && flux_future_then (f, -1., pending_cb, NULL) == 0
                   && flux_shell_service_register (shell, "ask", ask_cb, NULL) == 0
                   && flux_shell_add_event_handler (shell, "news", event_cb, NULL) == 0
               ? 0
               : -1;
}

static int again (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args, void *data)
{
    flux_t *h = flux_shell_get_flux (shell);
    flux_future_t *f = flux_rpc_pack (h, "attr.get", FLUX_NODEID_ANY, 0, "{s:s}", "name",
                                      "local-uri");
    const char *uri = "?";

    flux_rpc_get_unpack (f, "{s:s}", "value", &uri);
    say ("again", uri);
    flux_future_destroy (f);
    return 0;
}

int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "shell.init", begin, NULL) < 0
                   || flux_plugin_add_handler (p, "shell.reconnect", again, NULL) < 0
               ? -1
               : 0;
}
EOF
cc -shared -fPIC -I"$include" -o again.so again.c || exit 1
echo "plugin.load { file = \"$DIR/again.so\" }" >rc.lua
mkdir state
mkfifo ready
cat >initial <<'EOL'
flux getattr broker.pid >pid
echo "$FLUX_URI" >ready
exec cat ready
EOL
begin () {
    timeout -k 5 200 flux start -s1 -Sstatedir="$DIR/state" sh initial 2>>log &
    starter=$!
    FLUX_URI=$(timeout 60 cat ready)
    export FLUX_URI
}
crash () {
    kill -9 "$(cat pid)"
    wait $starter
    unset FLUX_URI
}
# Also without an instance.
until_there () {
    n=0
    until [ -e "$1" ]; do
        n=$((n + 1))
        [ $n -lt 1000 ] || return 1
        sleep 0.1
    done
}
cat >ask.py <<'EOF'
import flux, os, sys
from flux.job import JobID
print(flux.Flux().rpc(f"{os.getuid()}-shell-{JobID(sys.argv[1]).f58plain}.ask").get()["said"])
EOF

begin
first=$FLUX_URI
id=$(flux submit --cwd="$DIR" -o userrc="$DIR/rc.lua" sh -c \
    'until [ -e end ]; do sleep 0.1; done; echo done')
flux job wait-event -q -t 60 -p exec "$id" shell.start
is 'its service' here flux python ask.py "$id"
crash
begin
flux job wait-event -q -t 60 "$id" flux-restart
succeeds 'plugins are told' until_there again
is 'their handle leads to the new broker' "$FLUX_URI" cat again
succeeds 'which has another socket' [ "$first" != "$FLUX_URI" ]
succeeds 'what was asked before has failed' until_there failed
is 'with this reason' 'Connection reset by peer' cat failed
is 'the service is there' here flux python ask.py "$id"
flux event pub "shell-$(flux job id --to=f58plain "$id").news"
succeeds 'and so are its events' until_there heard
rm -f again failed heard

# Once more.
crash
begin
flux job wait-event -q -t 60 "$id" flux-restart
succeeds 'plugins are told each time' until_there again
is 'the service is there again' here flux python ask.py "$id"
: >end
is 'and the job ends as if nothing had been' done flux job attach "$id"
flux shutdown --quiet
wait $starter
finish
