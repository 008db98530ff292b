/* What is unwrapped was signed by somebody: signed again by him it says the same. */
#include <flux/job.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *s = strndup ((const char *)data, size);
    uint32_t user = 0, again = 1;
    flux_error_t error;

    if (!s)
        return 0;
    char *loose = flux_unwrap_string (s, false, &again, &error);
    char *text = flux_unwrap_string (s, true, &user, &error);
    if (text && (!loose || strcmp (text, loose) != 0 || user != again))
        abort ();
    free (loose);
    free (text);
    free (s);
    return 0;
}
