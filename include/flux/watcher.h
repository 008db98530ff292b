/* Part of <flux/reactor.h>. */
#include <flux/reactor.h>
