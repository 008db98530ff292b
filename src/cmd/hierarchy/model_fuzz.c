#include "cmd/hierarchy/view.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct hier_room room = { 2, 96, 48 };
    flux_error_t error;
    struct hierarchy *t = hierarchy_parse ((const char *)data, size, &error);

    if (t && t->groups[t->entry].instances < 2000) {
        struct buf b = BUF_INIT;
        (void)hierarchy_check_fit (t, &room, &error);
        view_text (t, true, &b);
        view_json (t, &b);
        view_dot (t, &b);
        view_svg (t, &b);
        buf_fini (&b);
    }
    hierarchy_destroy (t);
    return 0;
}
