/* flux queue list. */
#ifndef CMD_QUEUE_LIST_H
#define CMD_QUEUE_LIST_H

#include <flux/optparse.h>

extern struct optparse_option queue_list_opts[];
int queue_list (optparse_t *p, int argc, char **argv);

#endif
