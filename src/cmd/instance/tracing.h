/* Following the traces of a broker: flux module trace, flux overlay trace. */
#ifndef CMD_TRACING_H
#define CMD_TRACING_H

#include <flux/optparse.h>
#include <jansson.h>

#define TRACING_OPTS                                                                   \
    { .name = "type",                                                                  \
      .key = 't',                                                                      \
      .has_arg = 1,                                                                    \
      .arginfo = "TYPE,...",                                                           \
      .flags = OPTPARSE_OPT_AUTOSPLIT,                                                 \
      .usage = "Only these: request, response, event, control" },                      \
        { .name = "full", .key = 'f', .usage = "Print payloads too" },                 \
        { .name = "human", .key = 'H', .usage = "Show times relative to each other" }, \
        { .name = "delta",                                                             \
          .key = 'd',                                                                  \
          .usage = "With --human: the time since the line before" },                   \
    {                                                                                  \
        .name = "color", .key = 'L', .has_arg = 2, .arginfo = "WHEN",                  \
        .usage = "Colors: auto, never, always"                                         \
    }

/* Prints what a service tells of messages with such a topic, as the options want it, until
 * it ends; dies then. request is taken: what the service has to know besides. */
int tracing_follow (optparse_t *p, const char *service, const char *topic_glob,
                    json_t *request);

#endif
