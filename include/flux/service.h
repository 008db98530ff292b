/* Part of <flux/rpc.h>. */
#include <flux/rpc.h>
