/* flux fsck --repair: what can still be read of a damaged key is kept. */
#ifndef CMD_FSCK_REPAIR_H
#define CMD_FSCK_REPAIR_H

#include <flux/core.h>
#include <stdbool.h>

struct fsck_repair;

/* -1 if there is no such blob; else its bytes are added to b (may be NULL). */
struct buf;
typedef int (*fsck_load_f) (void *arg, const char *ref, struct buf *b);

struct fsck_repair *fsck_repair_create (flux_t *h, fsck_load_f load, void *arg);
void fsck_repair_destroy (struct fsck_repair *r);
/* A key that is damaged, once or several times. -1 with ENOMEM. */
int fsck_repair_add (struct fsck_repair *r, const char *key);
/* One commit, on the disk when it returns. A value moves to lost+found.KEY with the
 * pieces that are left; a directory keeps the entries that can be read. say: what became
 * of each key. -1 with errno: nothing was changed. */
int fsck_repair_run (struct fsck_repair *r,
                     void (*say) (const char *key, const char *));

#endif
