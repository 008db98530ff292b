# The backing store: who may read it, what it does when it is damaged or its disk
# is full, and how flux fsck tells.
. "${0%/*}/../lib.sh"
S=$DIR/state

new_state () {
    rm -rf "$S"
    mkdir "$S"
    flux start -Sstatedir="$S" sh -c 'flux kvs put a.b=1 &&
        { printf x; head -c 2999 /dev/urandom; } | flux kvs put -r big=- &&
        flux kvs put c.d=2'
}
# new_state, and then a broker that is killed
crashed_state () {
    new_state
    mkdir -p run
    flux start -Sstatedir="$S" -Srundir="$DIR/run" sh -c \
        'flux kvs put late=1; kill -9 $(flux getattr broker.pid)' >/dev/null 2>&1
    rm -rf run
    [ -s "$S/content.sqlite-wal" ]
}
sql () {
    python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for s in sys.argv[2:]:
    db.execute(s)
db.commit()
db.close()' "$S/content.sqlite" "$@"
}
start () {
    flux start -Sstatedir="$S" "$@"
}
modes () {
    (umask 000 && flux start -Sstatedir="$S" sh -c "flux kvs put x=1
        stat -c '%a %n' $S/* | sed 's|/.*/||' | sort")
}

mkdir "$S"
is 'mode 0600 whatever the umask' '600 content.generation
600 content.sqlite
600 content.sqlite-shm
600 content.sqlite-wal' modes
succeeds 'new state' new_state
like 'fsck finds nothing' '^version [0-9]+: [0-9]+ keys and [0-9]+ blobs checked, 0 damaged$' \
    start flux fsck
is 'fsck -q' '' start flux fsck -q
like 'fsck --all' ' 0 damaged$' start flux fsck --all
run start flux fsck -v
if matches '^a\.b$' "$err"; then ok 'fsck -v names keys'; else not_ok 'fsck -v' "$err"; fi
fails 'fsck: operand' 1 '^Usage: flux-fsck' start flux fsck foo
fails 'fsck without a checkpoint' 1 '^flux-fsck: there is no checkpoint$' \
    flux start flux fsck

# a link in the place of the database
new_state
mv "$S/content.sqlite" "$DIR/elsewhere" && ln -s "$DIR/elsewhere" "$S/content.sqlite"
fails 'a link is not followed' 1 'content.sqlite: is a symbolic link' start true
new_state

# bits
sql "UPDATE objects SET object = CAST(X'00' || SUBSTR(object, 2) AS BLOB)
     WHERE LENGTH(object) = 3000"
fails 'flipped bits are not served' 1 'blob sha1-[0-9a-f]{40}: damaged' \
    start flux kvs get --raw big
fails 'the key is named once' 1 "^flux-kvs: blob sha1-[0-9a-f]{40} of key 'big': damaged\$" \
    start flux kvs get --raw big
fails 'fsck names key and blob' 1 '^flux-fsck: big: blob sha1-[0-9a-f]{40}: damaged$' \
    start flux fsck
sql "UPDATE objects SET size = 2000000000 WHERE LENGTH(object) = 3000"
fails 'a declared size' 1 '^flux-fsck: big: blob sha1-[0-9a-f]{40}: damaged$' start flux fsck
sql "DELETE FROM objects WHERE LENGTH(object) = 3000"
fails 'fsck names what is missing' 1 '^flux-fsck: big: blob sha1-[0-9a-f]{40}: missing$' \
    start flux fsck
is 'and the rest can be read' 1 start flux kvs get a.b

# metadata
refused () {
    fails "$1" 1 "content.sqlite is damaged: $2" start true
    if matches 'flux start --recovery=DIR' "$err"; then
        ok "$1: what to do"
    else
        not_ok "$1: what to do" "$err"
    fi
}
succeeds 'kill -9' crashed_state
is 'is harmless' 1 start flux kvs get late
crashed_state
rm "$S/content.sqlite-wal"
refused 'removed log' 'checkpoints [0-9]+ to [0-9]+ are lost'
is 'recovery starts from what is left' 2 flux start --recovery="$S" flux kvs get c.d
is 'and then it is well' 2 start flux kvs get c.d
crashed_state
head -c 20000 /dev/urandom >"$S/content.sqlite-wal"
refused 'overwritten log' 'checkpoints [0-9]+ to [0-9]+ are lost'
new_state
: >"$S/content.sqlite"
refused 'emptied database' 'it is empty, but it had checkpoint'
new_state
sql 'DELETE FROM checkpt_v2'
refused 'no checkpoint' 'it has blobs and no checkpoint'
new_state
sql 'DELETE FROM objects WHERE hash = (SELECT hash FROM objects WHERE rowid =
     (SELECT MAX(rowid) FROM objects))'
refused 'dangling root' 'the root sha1-[0-9a-f]{40} of the newest checkpoint is missing'
fails 'content.hash' 1 'but content.hash is sha256' \
    flux start -Sstatedir="$S" -Scontent.hash=sha256 true

# limits
fails 'blob-size-limit' 1 'File too large' \
    flux start -Scontent.blob-size-limit=1000 sh -c \
    'head -c 1000 /dev/zero | flux content store >/dev/null &&
     head -c 1001 /dev/zero | flux content store'
fails 'blob-size-limit, past the cache' 1 'File too large' \
    flux start -Scontent.blob-size-limit=1000 sh -c \
    'head -c 1001 /dev/zero | flux content store -b'
fails 'blob-size-limit, another rank' 1 'File too large' \
    flux start -s2 -Scontent.blob-size-limit=1000 sh -c \
    'head -c 1001 /dev/zero | flux exec -r1 flux content store'
fails 'blob-size-limit: no number' 1 "content.blob-size-limit: 'foo' is not a number" \
    flux start -Scontent.blob-size-limit=foo true
fails 'sync without a backing store' 1 'no backing store' \
    flux start -Scontent.backing-module=none flux kvs put --sync a=1
fails 'journal_mode=OFF' 1 'journal_mode=OFF: a batch that fails could not be undone' \
    flux start flux module reload content-sqlite journal_mode=OFF

# a disk that is full at the end
full () {
    LD_PRELOAD="$FLUX_TEST_BUILD/test/torture/faultdisk.so" FAULTDISK="$DIR/fault" \
        flux start "$@" sh -c "echo ENOSPC 1 0 >$DIR/fault
            echo hi | flux content store >/dev/null"
}
fails 'what cannot be saved is a failure' 1 'the last state could not be saved' full
rm -f fault
new_state
fails 'in a state directory, too' 1 'the last state could not be saved' \
    full -Sstatedir="$S"
rm -f fault fault.hit
succeeds 'faults of the disk' env WITHOUT=jobs "$FLUX_TEST_SOURCE/test/torture/disk-faults" 4
mkdir -m 700 two
fails 'one store, one instance' 1 'content.sqlite: .*another instance uses it' \
    flux start -Sstatedir="$DIR/two" flux start -Sstatedir="$DIR/two" true
fails 'whatever it stores in' 1 'content.files: another instance uses its directory' \
    flux start -Sstatedir="$DIR/two" timeout 60 flux start -Sstatedir="$DIR/two" \
    -Scontent.backing-module=content-files true
truncate_beside () {
    flux start -Sstatedir="$DIR/two" sh -c "flux kvs put --sync kept=1
        flux start -Scontent.backing-module=none -Sstatedir=$DIR/two \
            flux module load content-sqlite truncate 2>refused"
    flux start -Sstatedir="$DIR/two" flux kvs get kept
}
is 'nor begun anew by another' 1 truncate_beside
like 'which hears why' 'another instance uses its directory' cat refused
finish
