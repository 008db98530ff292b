#include "core/subprocess/credit.h"

bool credit_out_add (struct credit_out *c, int64_t len, size_t max)
{
    bool was_open = credit_out_open (c);

    if (len <= 0)
        return false;
    if (len > (int64_t)max - c->room)
        c->room = max;
    else
        c->room += len;
    return !was_open && credit_out_open (c);
}

size_t credit_in_grant (struct credit_in *c, size_t held)
{
    int64_t n;

    if (held >= c->window)
        return 0;
    n = (int64_t)(c->window - held) - c->given;
    if (n <= 0 || (size_t)n < c->window / 4)
        return 0;
    c->given += n;
    return n;
}

size_t credit_in_rest (struct credit_in *c)
{
    int64_t n = (int64_t)c->window - c->given;

    if (n <= 0)
        return 0;
    c->given += n;
    return n;
}
