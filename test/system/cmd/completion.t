#!/bin/sh
# flux completion: what stands at the end of a line, and in bash what Tab makes of it.
. "${0%/*}/../lib.sh"
under_flux 2

line () { flux completion --line "$1" | cut -f1 | paste -sd' '; }
is 'a command' submit line 'flux sub'
is 'a subcommand' attach line 'flux job att'
is 'an option' '--job-name=' line 'flux submit --job-n'
like 'what it does' '^--job-name=.[A-Z]' flux completion --line 'flux submit --job-n'
is 'one that is not to be known' '' line 'flux jobs --suppress-h'
is 'values of an option' '--color=auto --color=never --color=always' line 'flux jobs --color='
is 'a second subcommand' 'create remove list' line 'flux kvs namespace '
like 'files' '^.file$' flux completion --line 'flux batch ./'
like 'programs' '^.command$' flux completion --line 'flux run '
is 'nothing' '' line 'flux nosuch '
is 'no command yet' '' line 'flux'

id=$(flux submit --job-name='a  b' sleep inf)
is 'a job' "$id" line 'flux job attach '
like 'its name and state' "a  b, RUN|a  b, SCHED|a  b, DEPEND|a  b, PRIORITY" \
    flux completion --line 'flux cancel '
is 'without the letter' "f${id#ƒ}" line 'flux cancel f'
flux kvs put completion.one.a=1 completion.two=2
is 'keys' 'completion.one. completion.two' line 'flux kvs get completion.'
is 'ranks' '--rank=0 --rank=1' line 'flux exec --rank='
is 'modules' 'kvs kvs-watch' line 'flux module reload kv'
is 'attributes' broker.pid line 'flux getattr broker.pi'
is 'users' root sh -c "flux completion --line 'flux jobs -u roo' | cut -f1 | grep '^root$'"
is 'without an instance' '' env FLUX_URI=local:///nosuch flux completion --line 'flux cancel '
fails 'no such shell' 1 "there is none for 'csh'" flux completion csh
fails 'no shell' 2 'name of a shell' flux completion

cat >complete.sh <<'EOF'
. ./flux.bash
COMP_LINE=$1 COMP_POINT=${#1}
_flux flux
printf '%s|' "${COMPREPLY[@]}"
EOF
flux completion bash >flux.bash
touch 'some file'
for case in 'flux sub:submit' 'flux submit --job-n:--job-name=' 'flux jobs --color=al:always' \
    'flux kvs get completion.t:completion.two' 'flux batch some:some file' \
    'flux run nosuchprogra:'; do
    is "bash: ${case%%:*}" "${case#*:}|" bash complete.sh "${case%%:*}"
done
for shell in zsh fish; do
    if command -v $shell >/dev/null; then
        flux completion $shell >script
        succeeds "$shell reads its script" $shell -n script
    else
        skip "$shell reads its script" "no $shell"
    fi
done
finish
