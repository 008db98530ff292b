/* Part of <flux/attr.h>. */
#include <flux/attr.h>
