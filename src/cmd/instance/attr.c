/* flux getattr, setattr, lsattr: broker attributes. */
#include "base/sort.h"
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_getattr (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    if (argc - i != 1) {
        optparse_fprint_usage (p, stderr);
        exit (1);
    }
    const char *val = flux_attr_get (cmd_open (), argv[i]);
    if (!val)
        cmd_die ("%s: %s", argv[i], flux_strerror (errno));
    puts (safe (val));
    return 0;
}

const struct command cmd_getattr = {
    .name = "getattr",
    .summary = "Get broker attribute",
    .usage = "name",
    .group = "instance",
    .run = run_getattr,
};

static struct optparse_option setattr_opts[] = {
    { .name = "force", .key = 'f', .usage = "Set even if it should not change" },
    OPTPARSE_TABLE_END,
};

static int run_setattr (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    int i = optparse_option_index (p);
    if (argc - i != 2) {
        optparse_fprint_usage (p, stderr);
        exit (1);
    }
    bool force = optparse_hasopt (p, "force");
    if (flux_attr_set_ex (cmd_open (), argv[i], argv[i + 1], force, &error) < 0)
        cmd_die ("%s: %s", argv[i], error.text[0] ? error.text : flux_strerror (errno));
    return 0;
}

const struct command cmd_setattr = {
    .name = "setattr",
    .summary = "Set broker attribute",
    .usage = "name value",
    .group = "instance",
    .options = setattr_opts,
    .run = run_setattr,
};

static struct optparse_option lsattr_opts[] = {
    { .name = "values", .key = 'v', .usage = "List values too" },
    OPTPARSE_TABLE_END,
};

static int cmp_name (const void *a, const void *b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* All lookups are in flight at once: one round trip, however many names. */
static void print_values (flux_t *h, const char **names, size_t count)
{
    flux_future_t *f[count + 1];
    for (size_t i = 0; i < count; i++)
        f[i] = flux_rpc_pack (h, "attr.get", FLUX_NODEID_ANY, 0, "{s:s}", "name",
                              names[i]);
    for (size_t i = 0; i < count; i++) {
        const char *val = NULL;
        if (!f[i] || flux_rpc_get_unpack (f[i], "{s?s}", "value", &val) < 0 || !val
            || !*val)
            val = "-";
        printf ("%-40s%s\n", safe (names[i]), safe (val));
        flux_future_destroy (f[i]);
    }
}

static int run_lsattr (optparse_t *p, int argc, char **argv)
{
    if (optparse_option_index (p) != argc)
        cmd_usage_error (p, "unexpected argument '%s'", argv[argc - 1]);
    flux_t *h = cmd_open ();
    flux_future_t *f = flux_rpc (h, "attr.list", NULL, FLUX_NODEID_ANY, 0);
    json_t *o = cmd_rpc_json (f, "attr.list");
    json_t *list = json_object_get (o, "names");
    size_t count = json_array_size (list);
    const char **names = calloc (count + 1, sizeof (*names));
    if (!names)
        cmd_die ("out of memory");
    for (size_t i = 0; i < count; i++)
        names[i] = json_string_value (json_array_get (list, i));
    sort_array (names, count, sizeof (*names), cmp_name);
    if (optparse_hasopt (p, "values"))
        print_values (h, names, count);
    else
        for (size_t i = 0; i < count; i++)
            puts (safe (names[i]));
    free (names);
    json_decref (o);
    flux_future_destroy (f);
    return 0;
}

const struct command cmd_lsattr = {
    .name = "lsattr",
    .summary = "List broker attributes",
    .usage = "[-v]",
    .group = "instance",
    .options = lsattr_opts,
    .run = run_lsattr,
};
