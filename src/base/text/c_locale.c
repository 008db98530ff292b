#include "base/text/c_locale.h"

#include <stdbool.h>

locale_t locale_c (void)
{
    static locale_t loc;
    locale_t mine, none = (locale_t)0;

    if ((mine = __atomic_load_n (&loc, __ATOMIC_ACQUIRE)))
        return mine;
    mine = newlocale (LC_ALL_MASK, "C", none);
    if (!__atomic_compare_exchange_n (&loc, &none, mine, false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE)) {
        freelocale (mine);
        mine = none;
    }
    return mine;
}
