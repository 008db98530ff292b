#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <flux/hostlist.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *s = malloc (size + 1);

    if (!s)
        return 0;
    memcpy (s, data, size);
    s[size] = '\0';
    struct hostlist *hl = hostlist_decode (s);
    if (hl && hostlist_count (hl) < 10000) {
        char *t = hostlist_encode (hl);
        struct hostlist *again = hostlist_decode (t);
        if (!again || hostlist_count (again) != hostlist_count (hl))
            abort ();
        for (int i = 0; i < hostlist_count (hl); i++)
            if (strcmp (hostlist_nth (hl, i), hostlist_nth (again, i)))
                abort ();
        hostlist_uniq (hl);
        hostlist_destroy (again);
        free (t);
    }
    hostlist_destroy (hl);
    free (s);
    return 0;
}
