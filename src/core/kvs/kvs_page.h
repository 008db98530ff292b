/* Reading a directory part by part, so that neither end holds all of a large one, and
 * nobody waits for it. The parts are in no order; a name that is there all the time is
 * in one of them, once. */
#ifndef CORE_KVS_PAGE_H
#define CORE_KVS_PAGE_H

#include <flux/kvs.h>

#include <jansson.h>

/* from: "" for the first part, then what kvs_page_next said. at: a snapshot's dirref, or
 * NULL: in ns. names: only names and types. The future fails as flux_kvs_lookup with
 * FLUX_KVS_READDIR does. */
flux_future_t *kvs_page (flux_t *h, const char *ns, const char *at, const char *key,
                         const char *from, bool names);
/* Name -> tree object, or (names) type: "val", "valref", "dir", "dirref", "symlink".
 * Borrowed from f. */
int kvs_page_entries (flux_future_t *f, json_t **entries);
/* NULL: this was the last. Borrowed from f. */
const char *kvs_page_next (flux_future_t *f);

#endif
