/* One resource-query: a scheduler, and where its answers go. */
#ifndef FLUXION_TOOLS_SESSION_H
#define FLUXION_TOOLS_SESSION_H

#include "fluxion/load.h"

#include <stdio.h>

struct session {
    struct scheduler *s;
    enum write_format format;
    FILE *out;
    bool elapse;
    uint64_t counter; /* id of the next job */
    /* of successful matches, in seconds */
    double min, max, sum;
    uint64_t matches;
};

/* Runs one line; true: quit. */
bool session_command (struct session *ss, const char *line);
/* The file's text, owned by the caller; NULL after "ERROR: can't open" on stderr. */
char *session_read (const char *path, size_t *len);
void session_print_R (struct session *ss, const struct selected *sel, uint32_t nsel,
                      int64_t at, int64_t end, const char *queue);
void session_print_line (struct session *ss);
void session_print_job (struct session *ss, uint64_t id, const char *state, int64_t at,
                        double seconds);
double session_now (void);

int command_match (struct session *ss, int argc, char **argv);
int command_multi_match (struct session *ss, int argc, char **argv);
int command_update (struct session *ss, int argc, char **argv);
int command_attach (struct session *ss, int argc, char **argv);
int command_remove (struct session *ss, int argc, char **argv);
int command_find (struct session *ss, int argc, char **argv);
int command_cancel (struct session *ss, int argc, char **argv);
int command_partial_cancel (struct session *ss, int argc, char **argv);
int command_set_property (struct session *ss, int argc, char **argv);
int command_get_property (struct session *ss, int argc, char **argv);
int command_set_status (struct session *ss, int argc, char **argv);
int command_get_status (struct session *ss, int argc, char **argv);
int command_list (struct session *ss, int argc, char **argv);
int command_info (struct session *ss, int argc, char **argv);
int command_stat (struct session *ss, int argc, char **argv);
int command_cat (struct session *ss, int argc, char **argv);

#endif
