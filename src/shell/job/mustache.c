#include "shell/job/mustache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define TAG_MAX 128

/* {{ tag }} at p: its length, or 0 if it is none. */
static size_t find_tag (const char *p, char *tag)
{
    const char *end = strstr (p + 2, "}}");
    const char *name = p + 2;

    if (!end)
        return 0;
    size_t total = end + 2 - p;
    while (name < end && *name == ' ')
        name++;
    while (end > name && end[-1] == ' ')
        end--;
    size_t len = end - name;
    if (len == 0 || len >= TAG_MAX)
        return 0;
    memcpy (tag, name, len);
    tag[len] = '\0';
    return total;
}

char *mustache_render (const char *template, mustache_f lookup, void *arg)
{
    struct buf b = BUF_INIT;
    const char *p = template;
    const char *brace;
    char tag[TAG_MAX];

    while ((brace = strstr (p, "{{"))) {
        buf_add (&b, p, brace - p);
        size_t len = find_tag (brace, tag);
        if (len == 0) {
            buf_addc (&b, '{');
            p = brace + 1;
            continue;
        }
        if (lookup (&b, tag, arg) < 0)
            buf_add (&b, brace, len);
        p = brace + len;
    }
    buf_adds (&b, p);
    if (b.err) {
        buf_fini (&b);
        errno = ENOMEM;
        return NULL;
    }
    return buf_take (&b, NULL);
}
