/* Numbers in text that programs read: with a point, whatever the user's locale. */
#ifndef BASE_LOCALE_H
#define BASE_LOCALE_H

#include <locale.h>

/* For strtod_l and uselocale. Made once, never freed. */
locale_t locale_c (void);

#endif
