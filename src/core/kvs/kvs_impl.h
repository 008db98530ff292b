/* Shared by the files of the KVS client. */
#ifndef CORE_KVS_IMPL_H
#define CORE_KVS_IMPL_H

#include <flux/kvs.h>

/* ns, else $FLUX_KVS_NAMESPACE, else "primary". */
const char *kvs_namespace (const char *ns);

#endif
