# flux R: resource sets from options, files and each other; without an instance.
. "${0%/*}/../lib.sh"

# What decode --short says of the last output.
short () {
    printf '%s\n' "$out" | flux R decode --short
}
pipe () { # NAME, WANTED --short, SHELL LINE
    run sh -c "$3"
    got=$(short)
    if [ $rc -eq 0 ] && [ "$got" = "$2" ]; then
        ok "$1"
    else
        not_ok "$1" "status $rc" "out: $out" "short: $got" "err: $err"
    fi
}
wrong () { # NAME, PATTERN, SHELL LINE
    fails "$1" 1 "$2" sh -c "$3"
}

flux R encode -r0-3 -c0-1 -H 'n[0-3]' -p a:0-1 -p b:3 >R1
flux R encode -r0-2 -c0-1 -H 'n[0-2]' >R2

pipe 'encode: rank 0, core 0' 'rank0/core0' 'flux R encode'
pipe 'encode: ranks, cores, gpus' 'rank[0-1]/core[0-3],gpu0' \
    "flux R encode -r0-1 -c0-3 -g0 -H 'foo[0-1]'"
run flux R encode --local
[ "$(printf '%s\n' "$out" | flux R decode --count=core)" -ge 1 ] \
    && ok 'encode --local: there are cores' || not_ok 'encode --local' "$out" "$err"
wrong 'encode: too many hosts' 'does not match nranks .2.' "flux R encode -r0-1 -H 'n[0-3]'"
wrong 'encode: cores' "rank 0: cores='foo'" 'flux R encode -r0-1 -c foo'
wrong 'encode: ranks' "ranks='foo'" 'flux R encode -r foo'
wrong 'encode: no ranks' "ranks=''" "flux R encode -r ''"
wrong 'encode: property of unknown rank' 'rank 5 not found' 'flux R encode -r0-1 -p a:5'
wrong 'encode: property name' "invalid property name 'bad!'" "flux R encode -p 'bad!'"

like 'decode: the same again' '"properties":."a":"0-1","b":"3"' sh -c 'flux R decode <R1'
like 'decode: short' '^rank\[0-3\]/core\[0-1\]$' sh -c 'flux R decode -s <R1'
like 'decode: hosts' '^n\[0-3\]$' sh -c 'flux R decode --nodelist <R1'
like 'decode: ranks' '^0-3$' sh -c 'flux R decode -r <R1'
like 'decode: count' '^8$' sh -c 'flux R decode -c core <R1'
like 'decode: count of gpus' '^0$' sh -c 'flux R decode -c gpu <R1'
wrong 'decode: count of what is not' "unknown type 'nosuch'" 'flux R decode -c nosuch <R1'
like 'decode: include' '^rank\[0,2\]/core\[0-1\]$' sh -c 'flux R decode -i 0,2 -s <R1'
like 'decode: exclude' '^rank\[1,3\]/core\[0-1\]$' sh -c 'flux R decode -x 0,2 -s <R1'
like 'decode: property' '^rank\[0-1\]/core\[0-1\]$' sh -c 'flux R decode -p a -s <R1'
like 'decode: not a property' '^n\[2-3\]$' sh -c "flux R decode -p '^a' -n <R1"
wrong 'decode: include is no idset' "option: 'foo'" 'flux R decode -i foo <R1'
wrong 'decode: property is none' 'property' "flux R decode -p 'a|(' <R1"
wrong 'decode: not R' 'Failed to decode R on stdin' 'echo {} | flux R decode'
wrong 'decode: not JSON' 'Failed to read an R object' 'echo junk | flux R decode'
wrong 'decode: nothing' 'Failed to read an R object' 'flux R decode </dev/null'

pipe 'append: ranks' 'rank[0-1]/core[0-1]' \
    '(flux R encode -r0 -c0-1 -H n0; flux R encode -r1 -c0-1 -H n1) | flux R append'
pipe 'append: cores' 'rank0/core[0-1]' \
    '(flux R encode -r0 -c0 -H n0; flux R encode -r0 -c1 -H n0) | flux R append'
wrong 'append: overlap' "'rank0/core0' and 'rank0/core0' overlap" \
    '(flux R encode -H n0; flux R encode -H n0) | flux R append'
wrong 'append: two hosts for a rank' "rank 0 is host 'n0' and host 'n1'" \
    '(flux R encode -c0 -H n0; flux R encode -c1 -H n1) | flux R append'
pipe 'diff: cores' 'rank0/core1 rank[1-3]/core[0-1]' \
    '(cat R1; flux R encode -r0 -c0 -H n0) | flux R diff'
pipe 'diff: ranks' 'rank3/core[0-1]' 'cat R1 R2 | flux R diff'
pipe 'intersect' 'rank[1-2]/core1' \
    "(cat R1; flux R encode -r1-2 -c1-5 -H 'n[1-2]') | flux R intersect"
like 'remap: ranks' '"rank":"0-1"' \
    sh -c "flux R encode -r3,7 -c0 -H 'n[3,7]' -p x:7 | flux R remap"
like 'remap: properties follow' '"x":"1"' \
    sh -c "flux R encode -r3,7 -c0 -H 'n[3,7]' -p x:7 | flux R remap"
like 'rerank: properties follow' '"properties":."a":"2-3","b":"0"' \
    sh -c 'flux R rerank n3,n2,n1,n0 <R1'
wrong 'rerank: too few hosts' 'Too few hosts specified .expected 4.' 'flux R rerank n3,n2 <R1'
wrong 'rerank: unknown host' 'x' 'flux R rerank n0,n1,n2,x <R1'
wrong 'rerank: no hosts' 'too few arguments' 'flux R rerank <R1'
like 'set-property' '"c":"1-2","d":"0-3"' sh -c 'flux R set-property c:1-2 d <R1'
wrong 'set-property: unknown rank' 'rank 9 not found' 'flux R set-property c:9 <R1'
run sh -c '(cat R1; flux R encode -r0 -c0-1 -H n0) | flux R verify'
[ $rc -eq 0 ] && [ -z "$out$err" ] && ok 'verify' || not_ok verify "$rc" "$out" "$err"
wrong 'verify: a core is missing' 'rank 0 .n0. missing resources: core1' \
    '(cat R1; flux R encode -r0 -c0 -H n0) | flux R verify'
wrong 'verify: another host' "got hostname 'other', expected 'n0'" \
    '(cat R1; flux R encode -r0 -c0-1 -H other) | flux R verify'
wrong 'verify: an unknown rank' 'is not expected' \
    '(cat R1; flux R encode -r9 -c0-1 -H n9) | flux R verify'
wrong 'verify: one object' 'exactly 2' 'flux R verify <R1'

cat >rc.toml <<'EOT'
[[resource.config]]
hosts = "x[0-3]"
cores = "0-7"
gpus = "0-1"
[[resource.config]]
hosts = "x[2-3]"
properties = ["big"]
EOT
pipe 'parse-config' 'rank[0-3]/core[0-7],gpu[0-1]' 'flux R parse-config rc.toml'
like 'parse-config: properties' '"big":"2-3"' flux R parse-config rc.toml
sed 's/0-7/zz/' rc.toml >rc2.toml
fails 'parse-config: cores' 1 'config.0.: invalid idset' flux R parse-config rc2.toml
fails 'parse-config: no file' 1 'nosuch.toml' flux R parse-config nosuch.toml
echo 'a = 1' >rc3.toml
fails 'parse-config: no resources' 1 'resource.config is not set' flux R parse-config rc3.toml
fails 'an unknown command' 1 'nosuch' flux R nosuch
finish
