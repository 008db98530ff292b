/* Of the default methods of RFC 5: for those who answer them without a handle. */
#ifndef CORE_MODULE_H
#define CORE_MODULE_H

#include <flux/handle.h>
#include <jansson.h>

/* For a module that takes no arguments: -1 with EINVAL and a line for the log. */
int module_no_args (flux_t *h, int argc, char **argv);
/* getrusage(2) of "self", "children", or the thread. NULL with errno. */
json_t *module_rusage (const char *who);
/* What a debug request does to the flags. -1 with EPROTO. */
int module_debug_op (const flux_msg_t *msg, int *flags);

#endif
