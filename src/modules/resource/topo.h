/* What this machine has, by hwloc. The library is loaded when it is asked for
 * and unloaded after: most brokers never need it. */
#ifndef RESOURCE_TOPO_H
#define RESOURCE_TOPO_H

#include <flux/idset.h>
#include <flux/types.h>

struct topo {
    struct idset *cores; /* logical indexes of allowed cores */
    struct idset *gpus;
};

/* xml: path of an hwloc XML file instead of this machine, or NULL.
 * norestrict: also cores that this process may not run on. */
int topo_discover (struct topo *topo, const char *xml, bool norestrict,
                   flux_error_t *error);
void topo_fini (struct topo *topo);

#endif
