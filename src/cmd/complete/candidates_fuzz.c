/* A command line, as somebody types it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/complete/candidates.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const struct optparse_option opts[] = {
    { .name = "queue", .key = 'q', .has_arg = 1, .arginfo = "QUEUE", .usage = "there" },
    { .name = "color", .has_arg = 2, .arginfo = "WHEN", .usage = "colors\nmore" },
    { .name = "to", .has_arg = 1, .arginfo = "dec|hex", .usage = "form" },
    OPTPARSE_TABLE_END,
};
static struct optparse_subcommand subs[] = {
    { "stop", "[-o FILE] JOBID", "Stop it", NULL, 0, NULL },
    { "space", "create|remove", "Spaces", NULL, 0, NULL },
    OPTPARSE_SUBCMD_END,
};
static const struct command run = { .name = "run",
                                    .usage = "COMMAND",
                                    .options = opts };
static const struct command job = { .name = "job", .subcommands = subs };
static const struct command *const table[] = { &run, &job, NULL };

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *line = strndup ((const char *)data, size);
    struct completion c;
    int count;
    char **words = line ? complete_split (line, &count) : NULL;

    if (words) {
        complete_words (&c, table, count, words);
        if (c.head < 0 || c.stem != words[count - 1] + c.head)
            abort ();
        buf_fini (&c.out);
    }
    complete_free (words);
    free (line);
    return 0;
}
