# Is the output of count.sh whole? Its tasks say "RANK NUMBER", and at last "RANK end COUNT".
# shellcheck shell=sh

cat >whole.awk <<'EOL'
$2 == "end" { if ($3 != n[$1]) print $0 " after " n[$1]; e++; next }
$2 != n[$1] + 1 { print "line " NR ": " $0 " after " n[$1]; exit }
{ n[$1]++ }
END { print e }
EOL
# whole NAME ID: how many tasks have ended, or the first line that is not what it should be;
# output is in the file NAME.out, or else in the KVS.
whole () {
    { if [ -e "$1.out" ]; then cat "$1.out"; else flux job attach "$2" 2>/dev/null; fi; } |
        awk -f whole.awk
}
