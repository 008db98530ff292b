/* Types that every public header shares. */
#ifndef FLUX_TYPES_H
#define FLUX_TYPES_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One line for people: what failed, on what, and why. */
typedef struct {
    char text[160];
} flux_error_t;

typedef void (*flux_free_f) (void *arg);

#ifdef __cplusplus
}
#endif

#endif
