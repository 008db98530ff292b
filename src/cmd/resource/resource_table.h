/* Tables of `flux resource`: one kind of row serves list, status and drain. */
#ifndef CMD_RESOURCE_TABLE_H
#define CMD_RESOURCE_TABLE_H

#include "cmd/format/format.h"
#include "value/resource/rset.h"

struct resource_row {
    const char *state;
    bool online;
    const char *reason; /* or NULL */
    double timestamp;
    const char *queue; /* or NULL */
    const json_t
        *queue_names; /* object: properties of these names are no propertiesx */
    bool twin;        /* of another row, see status */
    struct rset *r;   /* owned by the table */
    char *nodelist;   /* of r, when it was asked for; the table's */
};

struct resource_table {
    struct resource_row *rows;
    size_t count;
};

/* r is taken. */
void resource_table_add (struct resource_table *t, struct resource_row row,
                         struct rset *take_r);
/* Rows that a table with this format cannot tell apart become one. */
void resource_table_merge (struct resource_table *t, const char *format);
void resource_table_fini (struct resource_table *t);
/* Prints it, or dies where the format is wrong. */
void resource_table_print (const struct resource_table *t, const char *text,
                           bool header);

#endif
