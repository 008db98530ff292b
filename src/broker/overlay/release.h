/* Which releases may be in one tree. */
#ifndef BROKER_OVERLAY_RELEASE_H
#define BROKER_OVERLAY_RELEASE_H

#include <stdbool.h>

/* Of versions "MAJOR.MINOR", whatever follows: the same major and, so that a cluster can be
 * upgraded node by node, minors that differ by one at most. Any other text goes only with
 * itself. */
bool releases_mix (const char *a, const char *b);

#endif
