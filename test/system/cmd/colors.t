# Colors: on a terminal, unless somebody does not want them.
. "${0%/*}/../lib.sh"
under_flux 1 -Slog-stderr-level=3
escapes () { # COMMAND...: how many lines have one, on a terminal
    python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$@" </dev/null |
        grep -c "$(printf '\033')" || true
}
some () { [ "$(escapes "$@")" -gt 0 ]; }
without () { [ "$(NO_COLOR=1 escapes "$@")" -eq 0 ]; }
wanted () { [ "$(NO_COLOR=1 escapes "$@")" -gt 0 ]; }
flux run false 2>/dev/null
for c in 'jobs -a' 'dmesg -H'; do
    succeeds "$c: on a terminal" some flux $c
    succeeds "$c: not with NO_COLOR" without flux $c
    succeeds "$c: --color=always goes before" wanted flux $c --color=always
    is "$c: not with --color=never" 0 escapes flux $c --color=never
    is "$c: none without a terminal" 0 sh -c "flux $c | grep -c \"\$(printf '\\033')\"; true"
done
succeeds 'an empty NO_COLOR says nothing' sh -c 'NO_COLOR= python3 -c "import pty
pty.spawn([\"flux\", \"jobs\", \"-a\"])" </dev/null | grep -q "$(printf "\033")"'
finish
