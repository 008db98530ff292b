# What rc1 loads is a file: -Sbroker.modules_file=FILE.
. "${0%/*}/../lib.sh"

start () { flux start -s"$1" -Sbroker.modules_file="$DIR/list" sh -c 'flux module list | grep -cE "^(heartbeat|barrier|rexec|content|kvs|resource|job|sched)"'; }

cat >list <<'END'
[[modules]]
name = "heartbeat"
[[modules]]
name = "content"
after = ["heartbeat"]
END
is 'only what is listed runs' 2 start 1

echo '[[modules]' >list
fails 'no TOML' 1 'list: line 1: ' start 1
printf '[[modules]]\nname = "kvs"\nafter = ["content"]\n' >list
fails 'a module that is needed is missing' 1 'kvs starts after content, which is not above it' start 1
rm list
fails 'no file' 1 'list: No such file or directory' start 1
finish
