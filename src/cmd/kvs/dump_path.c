#include "cmd/kvs/dump_path.h"

#include "base/buf.h"
#include "value/treeobj.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *dump_path_join (const char *parent, const char *name, size_t len)
{
    struct buf b = BUF_INIT;

    buf_adds (&b, parent);
    if (*parent)
        buf_addc (&b, '/');
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '/')
            buf_adds (&b, "%2F");
        else if (name[i] == '%')
            buf_adds (&b, "%25");
        else
            buf_addc (&b, name[i]);
    }
    return buf_take (&b, NULL);
}

static int is_dotdot (const char *s, size_t len)
{
    return len == 2 && s[0] == '.' && s[1] == '.';
}

char *dump_path_key (const char *path)
{
    char *copy, *key;

    for (const char *s = path; *s; s += strcspn (s, "/"), s += *s == '/') {
        if (is_dotdot (s, strcspn (s, "/"))) {
            errno = EINVAL;
            return NULL;
        }
    }
    if (!(copy = strdup (path)))
        return NULL;
    for (char *s = copy; *s; s++)
        if (*s == '/')
            *s = '.';
    key = kvs_key_normalize (copy);
    free (copy);
    return key;
}

void dump_path_unescape (char *out, const char *name)
{
    while (*name) {
        if (!strncmp (name, "%2F", 3) || !strncmp (name, "%25", 3)) {
            *out++ = name[2] == 'F' ? '/' : '%';
            name += 3;
        } else {
            *out++ = *name++;
        }
    }
    *out = '\0';
}
