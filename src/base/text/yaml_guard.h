/* What a YAML text is asked before libyaml reads it. */
#ifndef BASE_YAML_GUARD_H
#define BASE_YAML_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* libyaml compares each anchor with all before it: a megabyte of them takes minutes. */
#define YAML_MAX_ANCHORS 4096

/* True if there are more words that may be anchors (&name). They may also be text
 * within strings: yaml_too_many_anchors tells. */
bool yaml_has_many_anchors (const char *text, size_t len);

/* True if the text may be nested deeper than max: brackets within strings count. libyaml
 * takes time that grows with the square of the depth. */
bool yaml_looks_deep (const char *text, size_t len, int max);

#endif
