# flux shutdown: who can see the end of the instance waits for it, nobody else says so.
. "${0%/*}/../lib.sh"

# begin SIZE: an instance in the background, its URIs by rank in uri0, uri1, ...
begin () {
    mkfifo uris
    flux start -s"$1" sh -c 'flux exec flux getattr local-uri >uris; exec sleep inf' \
        2>/dev/null &
    instance=$!
    cat uris >all
    rm uris
    uri0=$(grep 'local-0$' all) uri1=$(grep 'local-1$' all) uri2=$(grep 'local-2$' all)
}
begin 3
fails 'from another rank' 1 '^flux-shutdown: rank 1 ends before the instance does: ask rank 0' \
    flux shutdown "$uri1"
is 'which changes nothing' 0 env FLUX_URI="$uri0" flux getattr rank
succeeds 'another rank can begin it' flux shutdown --background "$uri2"
wait $instance
is 'the program was hung up' 129 echo $?
begin 2
succeeds 'who asks rank 0 sees the end' flux shutdown --quiet "$uri0"
is 'and has nothing to say' '' cat .err
wait $instance
is 'it has ended' 129 echo $?
finish
