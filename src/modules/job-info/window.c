#include "window.h"

size_t window_got (struct window *w, size_t len, size_t partial)
{
    size_t before = w->partial;

    w->partial = partial;
    if (partial == before + len) /* no line was completed */
        return len;
    w->early += before;
    return partial;
}

size_t window_taken (struct window *w, size_t bytes)
{
    size_t paid = bytes < w->early ? bytes : w->early;

    w->early -= paid;
    return bytes - paid;
}
