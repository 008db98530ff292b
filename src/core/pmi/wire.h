/* One line of PMI-1 (RFC 13 "Wire Protocol"): words "key=value". */
#ifndef CORE_PMI_WIRE_H
#define CORE_PMI_WIRE_H

#include <stdbool.h>
#include <stddef.h>

/* Promised to clients by get_maxes; NUL included. */
#define PMI_KVSNAME_MAX 64
#define PMI_KEYLEN_MAX 64
#define PMI_VALLEN_MAX 1024
/* A request or response with the longest key and value fits. */
#define PMI_LINE_MAX (PMI_KVSNAME_MAX + PMI_KEYLEN_MAX + PMI_VALLEN_MAX + 128)

/* What may be written, with its NUL in size bytes: it is read as it is, to a blank or to the
 * end of the line. 0, or -1 with EINVAL, or EMSGSIZE if only its length is wrong. */
int pmi_wire_check_word (const char *word, size_t size); /* a kvsname */
/* What clients put or ask for: without '=', though a server takes any word. */
int pmi_wire_check_key (const char *key, size_t size);
int pmi_wire_check_value (const char *value, size_t size);

/* The value of a word, in any order, up to the next blank. False if there is
 * none or it does not fit. */
bool pmi_wire_word (const char *line, const char *key, char *buf, size_t size);
/* Like pmi_wire_word, but the value may hold blanks: to the end of the line. */
bool pmi_wire_string (const char *line, const char *key, char *buf, size_t size);
/* A word that is a decimal number; absent or malformed: false. */
bool pmi_wire_int (const char *line, const char *key, int *val);

#endif
