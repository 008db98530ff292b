# flux metrics: text of OpenMetrics, printed and served.
. "${0%/*}/../lib.sh"
under_flux 2

# What the format asks for: families whole and once, a type before the samples, counters by
# their name, the end.
cat >check.py <<'END'
import re
import sys
text = sys.stdin.read()
assert text.endswith("# EOF\n"), "no end"
types, last, seen = {}, None, set()
for line in text.split("\n")[:-2]:
    m = re.fullmatch(r"# (TYPE|UNIT|HELP) (\w+) (.+)", line)
    if m:
        if m[1] == "TYPE":
            assert m[2] not in types, "twice: " + line
            types[m[2]] = m[3]
            last = m[2]
        assert m[2] == last, line
        if m[1] == "UNIT":
            assert m[2].endswith("_" + m[3]), line
        continue
    m = re.fullmatch(r'(\w+)(\{(\w+="([^"\\\n]|\\["\\n])*",?)+\})? -?[0-9.e+]+', line)
    assert m, "no sample: " + line
    assert m[1] == last + ("_total" if types[last] == "counter" else ""), line
    assert (m[1], m[2]) not in seen, "twice: " + line
    seen.add((m[1], m[2]))
print(len(types) > 20)
END
valid () { /usr/bin/python3 check.py; }
metric () { flux metrics | sed -n "s/^$1 //p"; }

flux run true
flux queue stop --quiet
flux submit true >/dev/null
flux job wait-event -q "$(flux job last)" priority
is 'the text is one' True sh -c 'flux metrics | /usr/bin/python3 check.py'
is 'one waits' 1 metric 'flux_jobs{state="sched"}'
is 'one has ended' 1 metric flux_jobs_successful
is 'two nodes' 2 metric 'flux_nodes{set="all"}'
is 'cores as the scheduler has them' "$(flux resource list -s all -no '{ncores}')" \
    metric 'flux_cores{set="all"}'
is 'two brokers' 2 metric 'flux_overlay_subtrees{status="full"}'
is 'the store' 1 metric 'flux_up{service="content-backing"}'
before=$(metric flux_kvs_commits_total)
flux kvs put a=1
succeeds 'a commit counts' [ "$(metric flux_kvs_commits_total)" -gt "$before" ]

# Served, on a port and on a socket.
ask () { # ADDRESS [METHOD [PATH]]: status, type, body
    /usr/bin/python3 - "$@" <<'END'
import http.client
import socket
import sys
where, method, path = (sys.argv[1:] + ["GET", "/metrics"][len(sys.argv) - 2:])[:3]
if where.startswith("unix:"):
    c = http.client.HTTPConnection("localhost")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(where[5:])
else:
    c = http.client.HTTPConnection(where.split("/")[2])
c.request(method, path)
r = c.getresponse()
print(r.status, r.getheader("Content-Type"))
sys.stdout.write(r.read().decode())
END
}
serve () { # WHERE: the address in $url
    mkfifo out
    flux metrics --listen="$1" >out &
    server=$!
    read -r url <out
    rm out
}
serve 0
like 'where it is' '^http://127.0.0.1:[0-9]+/metrics$' echo "$url"
ask "$url" >got
is 'status and type' '200 application/openmetrics-text; version=1.0.0; charset=utf-8' \
    sed -n 1p got
is 'the same text' True sh -c 'sed 1d got | /usr/bin/python3 check.py'
is 'HEAD' '200 application/openmetrics-text; version=1.0.0; charset=utf-8' ask "$url" HEAD
is 'another path' '404 text/plain
GET /metrics' ask "$url" GET /
is 'another method' '405 text/plain
GET /metrics' ask "$url" POST /metrics
is 'many ask' 50 sh -c "for i in \$(seq 50); do
    curl -s $url 2>/dev/null || /usr/bin/python3 -c 'import urllib.request as r; print(r.urlopen(\"$url\").read().decode())'
done | grep -c '^flux_up{service=\"kvs\"} 1'"
kill $server
wait $server
is 'a signal ends it' 0 echo $?
serve "$DIR/sock"
is 'a socket' "unix:$DIR/sock" echo "$url"
is 'is its user'"'"'s' 600 stat -c %a sock
ask "$url" >got
is 'serves, too' 200 sh -c 'head -n 1 got | cut -d" " -f1'
fails 'where one listens is no place for another' 1 'sock: Address already in use' \
    flux metrics --listen="$DIR/sock"
kill -9 $server
wait $server 2>/dev/null
serve "$DIR/sock"
is 'what a killed one has left is' "unix:$DIR/sock" echo "$url"
kill $server
wait $server
succeeds 'and is removed' test ! -e sock
echo kept >file
fails 'a file is not' 1 'file: Address already in use' flux metrics --listen="$DIR/file"
is 'replaced' kept cat file
for bad in 65536 -1 x '' 80x ' 0' +0; do
    fails "--listen=$bad" 1 "neither a port" flux metrics --listen="$bad"
done
fails 'no operands' 1 'sage' flux metrics now

# A service that is not there.
flux module remove job-list
is 'without job-list' 0 metric 'flux_up{service="job-list"}'
is 'nobody knows of jobs' '' metric 'flux_jobs{state="run"}'
is 'the text is one all the same' True sh -c 'flux metrics | /usr/bin/python3 check.py'

# One that does not answer.
flux module load --exec job-list
stopped=$(pgrep -P "$(flux getattr broker.pid)" -f 'flux-module-exec .*job-list')
kill -STOP "$stopped"
flux metrics --timeout=1s >got
is 'who does not answer is not up' 'flux_up{service="job-list"} 0' \
    grep -F 'flux_up{service="job-list"}' got
is 'others are' 1 sed -n 's/^flux_up{service="kvs"} //p' got
kill -CONT "$stopped"

# An instance that ends under its server.
flux start sh -c 'flux metrics --listen=0 >url & until [ -s url ]; do flux getattr rank >/dev/null; done; echo $! >server'
is 'an instance that has ended' 503 sh -c "$(cat <<'END'
/usr/bin/python3 -c '
import urllib.request, urllib.error
try:
    urllib.request.urlopen(open("url").read().strip())
except urllib.error.HTTPError as e:
    print(e.code)'
END
)"
kill "$(cat server)"

# A broker that has stopped.
mkfifo ready
: >names
flux start sh -c 'flux getattr broker.pid; flux getattr local-uri; read -r _' \
    <ready >names &
instance=$!
exec 9>ready # it ends when this is closed
until [ "$(wc -l <names)" -eq 2 ]; do flux getattr rank >/dev/null; done
stopped=$(sed -n 1p names)
theirs=$(sed -n 2p names)
kill -STOP "$stopped"
fails 'a broker that has stopped' 1 'the broker does not answer' \
    env FLUX_URI="$theirs" flux metrics --timeout=0.2s
kill -CONT "$stopped"
(FLUX_URI=$theirs; export FLUX_URI; exec flux metrics --timeout=0.2s --listen="$DIR/stop.sock") >out &
server=$!
until [ -s out ]; do flux getattr rank >/dev/null; done
kill -STOP "$stopped"
ask "unix:$DIR/stop.sock" >got
is 'is 503 to a server' 503 sh -c 'head -n 1 got | cut -d" " -f1'
kill $server
wait $server
is 'which a signal ends meanwhile' 0 echo $?
kill -CONT "$stopped"
exec 9>&-
wait "$instance"
fails 'no instance' 1 '^flux-metrics: ' env FLUX_URI=local:///nosuch flux metrics
finish
