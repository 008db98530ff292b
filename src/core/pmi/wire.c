#include "core/pmi/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int check (const char *s, const char *forbidden, size_t size)
{
    if (!s || strpbrk (s, forbidden)) {
        errno = EINVAL;
        return -1;
    }
    if (strlen (s) >= size) {
        errno = EMSGSIZE;
        return -1;
    }
    return 0;
}

int pmi_wire_check_word (const char *word, size_t size)
{
    return check (word && *word ? word : NULL, " \t\n", size);
}

int pmi_wire_check_key (const char *key, size_t size)
{
    return check (key && *key ? key : NULL, " \t\n=", size);
}

int pmi_wire_check_value (const char *value, size_t size)
{
    return check (value, "\n", size);
}

/* Start of the value of `key`, or NULL. A word starts the line or follows a
 * blank; `value` and the like swallow the rest, so their text is not searched
 * for keys that come after them. */
static const char *find_value (const char *line, const char *key)
{
    size_t len = strlen (key);
    const char *cp = line;

    while (*cp && *cp != '\n') {
        cp += strspn (cp, " \t");
        if (strncmp (cp, key, len) == 0 && cp[len] == '=')
            return cp + len + 1;
        if (strncmp (cp, "value=", 6) == 0 || strncmp (cp, "error_msg=", 10) == 0)
            return NULL;
        cp += strcspn (cp, " \t\n");
    }
    return NULL;
}

static bool copy_value (const char *value, size_t len, char *buf, size_t size)
{
    if (len >= size)
        return false;
    memcpy (buf, value, len);
    buf[len] = '\0';
    return true;
}

bool pmi_wire_word (const char *line, const char *key, char *buf, size_t size)
{
    const char *value = find_value (line, key);

    return value && copy_value (value, strcspn (value, " \t\n"), buf, size);
}

bool pmi_wire_string (const char *line, const char *key, char *buf, size_t size)
{
    const char *value = find_value (line, key);

    return value && copy_value (value, strcspn (value, "\n"), buf, size);
}

bool pmi_wire_int (const char *line, const char *key, int *val)
{
    char buf[16];
    char *end;
    long n;

    if (!pmi_wire_word (line, key, buf, sizeof (buf)))
        return false;
    n = strtol (buf, &end, 10);
    if (end == buf || *end != '\0' || n < -0x7fffffffL || n > 0x7fffffffL)
        return false;
    *val = n;
    return true;
}
