# Bad input: one clear line, and the instance lives.
. "${0%/*}/../lib.sh"
under_flux 1
SCRIPT_DIR=${SCRIPT%/*}

fails 'unknown command' 1 'is not a flux command' flux nosuch
fails 'unknown option' 2 'nosuch' flux run --nosuch true
fails 'unknown attribute' 1 'nosuch' flux getattr nosuch
fails 'unknown job' 1 'ƒ999' flux job attach ƒ999
fails 'unknown job to cancel' 1 '^flux-cancel: ERROR: ƒ999: unknown job id$' flux cancel ƒ999
fails 'not a job id' 1 'notanid' flux job info notanid R
fails 'job info: no such key' 1 'nosuch' sh -c 'flux job info $(flux submit --wait true) nosuch'
fails 'jobspec: empty object' 1 'version|resources' sh -c 'echo "{}" | flux job submit'
fails 'jobspec: not JSON' 1 '^flux-job: .*invalid JSON' sh -c 'echo "not json" | flux job submit'
fails 'jobspec: no such file' 1 'nosuchfile: No such file' flux job submit nosuchfile

JOBSPECS=${FLUX_JOBSPECS:-$FLUX_TEST_SOURCE/../shared/data/jobspec}
if [ -d "$JOBSPECS/invalid_v1" ]; then
    bad=
    for f in "$JOBSPECS"/invalid_v1/*; do
        run flux job submit "$f"
        [ $rc -eq 1 ] && [ "$(printf '%s\n' "$err" | wc -l)" -eq 1 ] || bad="$bad ${f##*/}"
    done
    if [ -z "$bad" ]; then
        ok 'invalid jobspecs are refused in one line'
    else
        not_ok 'invalid jobspecs are refused in one line' "not these: $bad"
    fi
else
    skip 'invalid jobspecs' 'the data is not here'
fi

sock=$(flux getattr local-uri | sed 's,^local://,,')
garbage () {
    head -c 4096 /dev/urandom | timeout 10 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.recv(1)
try:
    s.sendall(bytes.fromhex(sys.argv[2]) + sys.stdin.buffer.read())
    while s.recv(4096):
        pass
except (BrokenPipeError, ConnectionResetError):
    pass' "$sock" "$1"
}
succeeds 'garbage on the socket' garbage ''
succeeds 'a frame of random parts' garbage ffee001200000100
succeeds 'a frame of four gigabytes' garbage ffee0012ffffffff
succeeds 'a frame that is too short' garbage ffee001200000004
is 'the instance lives' 0 flux getattr rank
is 'and runs jobs' hello flux run echo hello

# Requests that are well-formed, with payloads of wrong types, to all services.
rss () {
    awk '$1 == "VmRSS:" { print $2 }' "/proc/$(flux getattr broker.pid)/status"
}
succeeds 'wrong payloads' timeout 60 python3 "$SCRIPT_DIR/../service-fuzz.py" 2000 1
before=$(rss)
succeeds 'more of them' timeout 60 python3 "$SCRIPT_DIR/../service-fuzz.py" 4000 2
after=$(rss)
if [ -n "${FLUX_TEST_SANITIZER:-}" ]; then
    skip 'memory does not grow' 'a sanitizer keeps what is freed'
elif [ "$after" -lt $((before + 4096)) ]; then
    ok 'memory does not grow'
else
    not_ok 'memory does not grow' "$before KiB, then $after KiB"
fi
is 'jobs run after that' hello flux run echo hello

fails 'kvs: no such key' 1 'nosuch' flux kvs get nosuch
fails 'empty key' 1 '.' flux kvs get ''
fails 'module: name with a slash' 1 'No such file' flux module load ../nosuch
fails 'dependency on no job' 1 '.' flux submit --dependency=afterok:ƒ999 true
fails 'an unknown queue' 1 'nosuch' flux submit --queue=nosuch true
fails 'more than there is' 1 'unsatisfiable|too large|alloc' flux run -n 100000 true
fails 'cwd that is not there: a warning' 0 'WARN: .*/nosuch: No such file' flux run --cwd=/nosuch true
# What is read as text, and is none; an archive that is none.
printf 'A=1\0B=2\n' >nul
: >empty
fails 'env-file with a NUL' 1 '[-][-]env-file: nul: not text' flux submit --env-file=nul true
fails 'inputs with a NUL' 1 'nul: not text' flux bulksubmit true :::: nul
printf '{"a":1}\0x' >conf.nul
fails 'conf with a NUL' 1 '[-][-]conf:' flux batch -n1 --conf=conf.nul --wrap true
fails 'an empty file is no snapshot' 1 'empty: is empty' flux restore --key=x empty
# Numbers of options that are none, or cannot be.
while read -r line; do
    # shellcheck disable=SC2086 # words are meant
    fails "$line" 1 "[-][-](verbose|num-limit|width|level).*(not a level|must be|goes with)|level must be" flux $line
done <<'EOL'
run --verbose=x true
submit --verbose=-1 true
bulksubmit --verbose=1x true ::: a
batch --verbose=nan -n1 --wrap true
alloc --verbose={ -n1 true
overlay status --verbose=x
shutdown --verbose=x
job purge --num-limit=-1
kvs ls --width=-1
kvs dir --width=-1
jobs --level=1
jobs -R --level=-1
EOL
is 'the instance still lives' 0 flux getattr rank
finish
