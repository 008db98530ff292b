# flux kvs: what its man page promises beside kvs.t, on four brokers.
. "${0%/*}/../lib.sh"
under_flux 4

# ls and dir
flux kvs namespace create n2
flux kvs put d.a=1 d.b=2 v=1
flux kvs put -N n2 k=5
flux kvs link -T n2 k cross
flux kvs link nowhere dangling
flux kvs link d todir
flux kvs mkdir d.empty
is 'ls -F marks links' 'cross@
d.
dangling@
resource.
todir@
v' sh -c 'flux kvs ls -F -1 | grep -v admin'
is 'ls --1' 'a
b
empty' flux kvs ls --1 d
is 'ls -w' 'a        b        empty' flux kvs ls -w 30 d
is 'ls of a dangling link lists it' dangling flux kvs ls dangling
is 'ls -F of a dangling link' dangling@ flux kvs ls -F dangling
is 'ls of a link to a value' cross flux kvs ls cross
is 'ls of a link to a directory' 'a
b
empty' flux kvs ls -1 todir
is 'ls -d' 'd    v' flux kvs ls -d d v
is 'ls -dF' 'd.    v' flux kvs ls -d -F d v
some () { flux kvs ls cross nosuch d; }
run some
if [ "$rc" = 1 ] && [ "$out" = 'cross

d:
a        b        empty' ] && [ "$err" = 'nosuch: No such file or directory' ]; then
    ok 'ls of some'
else
    not_ok 'ls of some' "$rc" "$out" "$err"
fi
is 'ls -R' 'd:
a        b        empty

d.empty:' sh -c "flux kvs ls -R d | sed '/^\$/{N;s/\n\$//}' | sed '\$!b;/^\$/d'"
is 'dir -R shows empty directories' 'd.a = 1
d.b = 2
d.empty.' flux kvs dir -R d
is 'dir: links' 'cross -> n2::k
dangling -> nowhere' sh -c 'flux kvs dir | grep -e "->" | grep -v todir'
is 'dir -d' 'd.a
d.b
d.empty.' flux kvs dir -d d
fails 'dir of a value' 1 '^flux-kvs: v: Not a directory$' flux kvs dir v
fails 'dir: no such key' 1 '^flux-kvs: nosuch: No such file or directory$' flux kvs dir nosuch
fails 'ls: no such namespace' 1 '^\.: Operation not supported$' flux kvs ls -N nosuch
fails 'dir: no such namespace' 1 '^flux-kvs: \.: Operation not supported$' flux kvs dir -N nosuch
root=$(flux kvs getroot)
flux kvs put d.c=3 d.a=changed
is 'dir of a snapshot' 'd.a = 1
d.b = 2
d.empty.' flux kvs dir -R --at "$root" d

# namespaces
is 'a link into another namespace' 5 flux kvs get cross
is 'the same, another rank' 5 flux exec -r 3 flux kvs get cross
is 'readlink -o' n2 flux kvs readlink -o cross
is 'readlink -k' k flux kvs readlink -k cross
is 'flux kvs -N' 5 flux kvs -N n2 get k
is 'the option of the subcommand counts' 5 flux kvs -N nosuch get -N n2 k
is 'flux kvs -N, one below' 'n2log' sh -c "flux kvs -N n2 eventlog append log n2log;
    flux kvs -N n2 eventlog get log | cut -d' ' -f2"
is 'a root of another namespace' 5 sh -c \
    'flux kvs namespace create -r $(flux kvs getroot -N n2 -b) n5 && flux kvs get -N n5 k'
flux kvs put -N n5 k=6
is 'is the begin of its own' '5
6' sh -c 'flux kvs get -N n2 k; flux kvs get -N n5 k'
flux kvs namespace create -o 1234 n3
like 'an owner' '^n3 +1234 0x00000000$' flux kvs namespace list
is 'getroot -o' 1234 flux kvs getroot -N n3 -o

# values
printf 'abc\000' | flux kvs put -r nul=-
is 'no trailing NUL' '61 62 63 0a' sh -c 'echo $(flux kvs get nul | od -An -tx1)'
is 'but with --raw' '61 62 63 00' sh -c 'echo $(flux kvs get --raw nul | od -An -tx1)'
is 'label' 'nul=abc' flux kvs get -l nul

# eventlogs
flux kvs eventlog append -t 1.0 log one
flux kvs eventlog append -t 2.5 log two '{"a":[1,2],"b":null,"c":true,"s":"x=y z"}'
flux kvs eventlog append -t 1700000000.123456 log three
is 'times as they were written' '{"timestamp":1.0,"name":"one"}
{"timestamp":2.5,"name":"two","context":{"a":[1,2],"b":null,"c":true,"s":"x=y z"}}
{"timestamp":1700000000.123456,"name":"three"}' flux kvs eventlog get -u log
is 'text' '1.000000 one
2.500000 two a=[1,2] b=null c=true s="x=y z"' flux kvs eventlog get -w -c 2 log
is 'for people' '[Jan01 00:00] one
[  +1.500000] two a=[1,2] b=null c=true s="x=y z"' flux kvs eventlog get -H -w -c 2 log
like 'in color' '\[1?;?3[0-9]m' flux kvs eventlog get -H -Lalways log
is 'wait-event -H' '[Jan01 00:00] one' flux kvs eventlog wait-event -H log one
like 'wait-event -L' '\[1?;?3[0-9]m' flux kvs eventlog wait-event -H -Lalways log one
is 'wait-event -H -v' '[Jan01 00:00] one
[  +1.500000] two a=[1,2] b=null c=true s="x=y z"' flux kvs eventlog wait-event -vH log two
is 'eventlog get -S' 'one two three' sh -c "echo \$(flux kvs eventlog get -S log | cut -d' ' -f2)"
# pieces of a stream end anywhere in a line
seq 1 60000 | sed 's/.*/{"timestamp":&.5,"name":"event","context":{"n":&}}/' >large
flux kvs put -r large=- <large
succeeds 'a large log in pieces' sh -c 'flux kvs eventlog get -S -u large | cmp - large'
succeeds 'a large log, watched' sh -c 'flux kvs eventlog get -w -c 60000 -u large | cmp - large'
flux kvs put -r notlog=junk
fails 'not a log' 1 '^flux-kvs: notlog: the last event has no end$' flux kvs eventlog get notlog

# a directory that does not fit one answer
seq 1 20000 | sed 's|.*|many.key&=&|' | xargs -n 10000 flux kvs put
flux kvs put many.key77="$(head -c 3000 /dev/zero | tr '\0' x)"
seq 1 20000 | sed 's/^/key/' | sort >expected
succeeds 'ls in parts' sh -c 'flux kvs ls -1 many | cmp - expected'
succeeds 'ls in parts, another rank' sh -c 'flux exec -r 3 flux kvs ls -1 many | cmp - expected'
succeeds 'dir in parts' sh -c "flux kvs dir many | sed 's/^many\.\([^ ]*\) = .*/\1/' | cmp - expected"
like 'dir: a value in a blob' '^many.key77 = x{50}' flux kvs dir -w 80 many
is 'dir: the others' 'many.key20000 = 20000' sh -c 'flux kvs dir many | grep key20000'
flux kvs put flat.x=1
seq 1 100 | sed 's|.*|flat.sub.key&=&|' | xargs flux kvs put
is 'ls -R in parts' 101 sh -c 'flux kvs ls -R -1 flat | grep -cx "key.*\|x"'
finish
