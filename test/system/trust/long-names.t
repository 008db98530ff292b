# A name that the broker keeps for a client has a bound: its bytes are charged to nobody.
. "${0%/*}/../lib.sh"
under_flux 1

cat >names.py <<'END'
import errno
import sys
sys.path.insert(0, sys.argv[1])
from wire import *

m = Client().rpc(sys.argv[2], {sys.argv[3]: sys.argv[4] + "y" * int(sys.argv[5])})
print(errno.errorcode.get(m.errnum, "taken"), m.text().rstrip("\0"))
END
name () { python3 names.py "$FLUX_TEST_SOURCE/test/system" "$@"; }

like 'a long topic is refused' '^ENAMETOOLONG the name has more than 1024 bytes' \
    name event.subscribe topic '' 2000000
like 'so is one byte too much' ENAMETOOLONG name event.subscribe topic '' 1025
like 'another is taken' '^taken' name event.subscribe topic '' 1024
like 'a long service name is refused' '^ENAMETOOLONG the name has more than 128 bytes' \
    name service.add service 0- 2000000
like 'another is taken' '^taken' name service.add service 0- 126
finish
