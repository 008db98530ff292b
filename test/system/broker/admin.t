#!/bin/sh
# flux admin: commands of the end, and what runs before and after jobs.
. "${0%/*}/../lib.sh"

is 'commands of the end run before rc3, the last first' 'program
third
first
second words' flux start sh -c '
    printf "echo first\n\necho second words\n" | flux admin cleanup-push
    flux admin cleanup-push echo third
    echo program'
is 'words stay words' 'a  b' flux start flux admin cleanup-push echo 'a  b'
is 'one word is a line for the shell' 'x
y' flux start flux admin cleanup-push 'echo x; echo y'
is 'on rank 0, whoever asks' 0 flux start -s2 \
    flux exec -r 1 flux admin cleanup-push flux getattr rank
is 'nothing to do' '' flux start sh -c 'flux admin cleanup-push </dev/null'
fails 'not UTF-8' 1 'not valid UTF-8' flux start sh -c 'printf "\\377\\n" | flux admin cleanup-push'

is 'nothing is configured' 'prolog: not configured
epilog: not configured
housekeeping: not configured' flux start flux admin system-scripts
cat >conf.toml <<EOF
[job-manager.prolog]
command = ["/bin/echo", "pro log"]
per-rank = true
[job-manager.housekeeping]
command = ["true"]
release-after = "5s"
EOF
is 'what is' 'prolog: enabled (per-rank=true)
  command: /bin/echo pro log
epilog: not configured
housekeeping: enabled (release-after=5s)
  command: true' flux start -c conf.toml flux admin system-scripts
like 'in colors' "$(printf '\033')\[32menabled" \
    flux start -c conf.toml flux admin system-scripts --color=always
fails 'wrong color' 2 'color' flux start flux admin system-scripts --color=nosuch
like 'with scripts, of which there are none' '^epilog: not configured' \
    flux start flux admin system-scripts --verbose
fails 'more words' 2 '.' flux start flux admin system-scripts x
finish
