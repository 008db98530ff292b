# Jobs that are units of systemd ([exec] service = "sdexec"), beside a user manager that is
# there for this test alone.
. "${0%/*}/../lib.sh"

manager () { DIR="$DIR" sh "$FLUX_TEST_SOURCE/test/system/overlay/user-manager.sh" "$@"; }
if [ -z "${UNDER_MANAGER:-}" ]; then
    manager true 2>why
    if [ $? -eq 77 ]; then
        echo "1..0 # SKIP $(tail -n 1 why)"
        exit 0
    fi
    cat >units.toml <<'END'
[systemd]
enable = true
sdexec-debug = true
[exec]
service = "sdexec"
kill-timeout = "0.2s"
[exec.sdexec-properties]
TasksMax = "77"
END
    UNDER_MANAGER=1 manager sh "$SCRIPT"
    exit
fi

units () { systemctl --user --no-pager --plain --no-legend list-units --all 'flux-job-*' | wc -l; }
no_units () { [ "$(units)" -eq 0 ]; }
in_units () { flux start -s2 -c units.toml "$@"; }
cat >scope.sh <<'END'
sed -n 's/^0::.*\(flux-job-.*\.scope\)$/\1/p' /proc/self/cgroup
END
cat >property.sh <<'END'
systemctl --user show -P TasksMax "$(sh scope.sh)"
END
is 'no units yet' 0 units
like 'a job is one' '^flux-job-[0-9]*-0-[0-9]*\.scope$' in_units flux run sh scope.sh
like 'on each of its ranks' 'flux-job-[0-9]*-1-[0-9]*\.scope' in_units flux run -N2 -n2 sh scope.sh
is 'with the properties of the site' 77 in_units flux run sh property.sh
fails 'its status is its own' 3 '' in_units flux run sh -c 'exit 3'
is 'it reads and writes' 'in' sh -c "echo in | flux start -c units.toml flux run cat"
like 'what is started can be looked up' 'sdexec: .*systemd-run --user --scope .*flux-shell' \
    in_units sh -c 'flux run true; flux dmesg'
succeeds 'units go with their jobs' until_true no_units
sed 's/^enable.*/&\nsdbus-debug = true/' units.toml >bus.toml
like 'and what is said to systemd' 'StartTransientUnit' flux start -c bus.toml sh -c 'flux run true; flux dmesg'

cat >left.sh <<'END'
id=$(flux submit sh -c 'setsid sleep 1000 & echo $! >pid; wait')
flux job wait-event -t 60 "$id" start && until [ -s pid ]; do :; done
flux cancel "$id"
flux job wait-event -t 60 "$id" clean
END
like 'one that is cancelled ends' clean in_units sh left.sh
fails 'nothing of it is left' 1 '' kill -0 "$(cat pid)"
cat >broker.sh <<'END'
id=$(flux submit sh -c 'setsid sleep 1000 & echo $! >pid; wait')
rm -f pid; flux job wait-event -t 60 "$id" start && until [ -s pid ]; do :; done
kill -KILL "$(flux getattr broker.pid)"
END
in_units sh broker.sh >/dev/null 2>&1
succeeds 'nor of one whose broker is killed' until_true no_units

sed 's/^service = .*/service-override = true/' units.toml >choice.toml
choose () { flux start -c choice.toml flux run --setattr=exec.bulkexec.service="$1" sh scope.sh; }
is 'who may choose need not be one' '' flux start -c choice.toml flux run sh scope.sh
like 'and can be' '^flux-job-' choose sdexec
fails 'a service that there is' 1 "neither rexec nor sdexec" choose other
fails 'not where it is not theirs to choose' 1 'does not let jobs choose' \
    in_units flux run --setattr=exec.bulkexec.service=rexec true

sed 's/TasksMax.*/MemoryMax = "much"/' units.toml >wrong.toml
fails "a property that cannot be read: the job fails, and why is logged" 137 "Failed to parse MemoryMax=much" \
    flux start -c wrong.toml sh -c 'flux run true'
fails "no manager: the job fails, and why is logged" 137 "Failed to connect to bus" \
    env XDG_RUNTIME_DIR=/nowhere flux start -c units.toml flux run true
finish
