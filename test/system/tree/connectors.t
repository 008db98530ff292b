#!/bin/sh
# Connectors of others, written as flux-connectors(7) has them, by commands of an instance.
. "${0%/*}/../lib.sh"
under_flux 1
page=$FLUX_TEST_SOURCE/man/flux-connectors.7.scd
path=${FLUX_URI#local://}
mkdir c "flux-here"
ln -s "$path" flux-here/local
export FLUX_CONNECTOR_PATH="/nonexistent:$DIR/c"

# The C of the page, in order; there "\\" is "\".
awk -v dir="$DIR/c" '
    /^```/ { open = !open; if (open) n++; next }
    open && n < 4 { gsub (/\\\\/, "\\"); print > dir "/" n ".c" }' "$page"
sed -i "s|/run/flux-|$DIR/flux-|" c/1.c
build () { # NAME of NAME.c, SCHEME
    cc -Wall -Werror -shared -fPIC -I"$FLUX_TEST_SOURCE/include" -o "c/$2.so" "c/$1.c"
}
with () { # URI COMMAND...
    uri=$1
    shift
    FLUX_URI=$uri timeout -k 5 "$LIMIT" "$@"
}
for pair in 1:byname 2:echo 3:counted; do
    succeeds "the page's ${pair#*:} compiles" build "${pair%:*}" "${pair#*:}"
done

# --- another handle ---

is 'a connector gives a handle of another one' 0 with byname://here flux getattr rank
fails 'what it says is the line' 1 'byname.so: an instance has a name without /' \
    with byname://a/b flux getattr rank
fails 'so is what the other one says' 1 'byname.so: .*flux-there/local: No such file' \
    with byname://there flux getattr rank

# --- a handle of its own ---

cat >echo.py <<'END'
import flux
h = flux.Flux("echo://")
for i in range(3):
    h.send(h.event_create("news.%d" % i))
print(*[h.recv().topic for i in range(3)])
END
is 'messages come back from one that keeps them' 'news.0 news.1 news.2' \
    flux python echo.py

# --- one before another ---

run with "counted://$path" flux getattr rank
if [ "$rc,$out" = 0,0 ] && matches '^counted: [1-9][0-9]* sent, [1-9][0-9]* received$' "$err"; then
    ok 'one stands before another'
else
    not_ok 'one stands before another' "$rc" "$out" "$err"
fi
head -c 6000000 /dev/zero | tr '\0' x >large
# More than a socket takes at once, in both directions.
put_and_get () {
    with "counted://$path" flux kvs put --raw large=- <large || return 1
    with "counted://$path" flux kvs get --raw large >got && cmp got large
}
succeeds 'what is large goes through' put_and_get
is 'a job is run through it' 'hi' with "counted://$path" flux run echo hi
# --- where commands take a target ---

is 'a target is found by its connector' 0 flux proxy "counted://$path" flux getattr rank
is 'it is its own URI' "counted://$path?x=1" flux uri "counted://$path?x=1"
fails 'and has no other form' 1 'has a connector of its own, and no other form' \
    flux uri --remote "counted://$path"
printf '#!/bin/sh\necho "local://$1"\n' >flux-uri-counted
chmod +x flux-uri-counted
is 'a program for the scheme goes before' local://///x env PATH="$DIR:$PATH" flux uri counted:///x

# --- those that are no good ---

cat >c/crash.c <<'END'
#include <flux/connector.h>
#include <signal.h>
const int flux_connector_version = FLUX_CONNECTOR_VERSION;
flux_t *connector_init (const char *rest, int flags, double limit, flux_error_t *error)
{
    raise (SIGSEGV);
    return 0;
}
END
cat >c/null.c <<'END'
#include <flux/connector.h>
const int flux_connector_version = FLUX_CONNECTOR_VERSION;
flux_t *connector_init (const char *rest, int flags, double limit, flux_error_t *error)
{
    return 0;
}
END
echo 'int connector_init;' >c/old.c
for name in crash null old; do
    build $name $name || exit 1
done
echo text >c/text.so
fails 'one that crashes is its own program'\''s end' 139 '' with crash://x flux getattr rank
is 'and of nobody else' 0 flux getattr rank
fails 'one that says nothing' 1 'null://x: .*c/null.so: Connection refused' \
    with null://x flux getattr rank
fails 'one for another interface is not called' 1 \
    'c/old.so: there is no flux_connector_version in it' with old://x flux getattr rank
fails 'what is no object' 1 'c/text.so: ' with text://x flux getattr rank
fails 'and nothing at all' 1 'nosuch://x: unknown URI scheme' \
    with nosuch://x flux getattr rank
finish
