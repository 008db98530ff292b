/* One jobspec, many jobs: see jobspec_cli.h. */
#include "cmd/jobspec/jobspec_cli.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

/* A string that no option can contain: JSON text never has a raw U+0001. */
#define MARK "\"\\u0001ENV\\u0001\""

struct jobspec_template {
    char *head; /* up to the environment */
    char *env;  /* object, without its opening brace; NULL: there is none */
    char *tail;
    bool env_cc; /* {cc} is replaced there, too */
};

void jobspec_template_destroy (struct jobspec_template *t)
{
    if (t) {
        free (t->head);
        free (t->env);
        free (t->tail);
        free (t);
    }
}

struct jobspec_template *jobspec_template_create (json_t *jobspec, bool env_cc)
{
    struct jobspec_template *t = calloc (1, sizeof (*t));
    json_t *system =
        json_object_get (json_object_get (jobspec, "attributes"), "system");
    json_t *env = json_incref (json_object_get (system, "environment"));
    if (!t)
        return NULL;
    t->env_cc = env_cc;
    if (env) {
        char *s;
        json_object_set_new (system, "environment", json_string ("\001ENV\001"));
        if ((s = json_dumps (env, JSON_COMPACT | JSON_REAL_PRECISION (16))))
            t->env = strdup (s + 1);
        free (s);
    }
    t->head = json_dumps (jobspec, JSON_COMPACT | JSON_REAL_PRECISION (16));
    char *mark = env && t->head ? strstr (t->head, MARK) : NULL;
    if (mark) {
        t->tail = strdup (mark + strlen (MARK));
        *mark = '\0';
    }
    if (env)
        json_object_set_new (system, "environment", env);
    if (!t->head || (env && (!t->tail || !t->env))) {
        jobspec_template_destroy (t);
        return NULL;
    }
    return t;
}

static void add_replaced (struct buf *b, const char *s, const char *cc)
{
    const char *p;
    while (cc && (p = strstr (s, "{cc}"))) {
        buf_add (b, s, p - s);
        buf_adds (b, cc);
        s = p + 4;
    }
    buf_adds (b, s);
}

char *jobspec_template_expand (const struct jobspec_template *t, const char *cc,
                               bool set_env)
{
    struct buf b = BUF_INIT;
    add_replaced (&b, t->head, cc);
    if (t->env) {
        buf_addc (&b, '{');
        if (cc && set_env)
            buf_printf (&b, "\"FLUX_JOB_CC\":\"%s\"%s", cc, *t->env == '}' ? "" : ",");
        add_replaced (&b, t->env, t->env_cc ? cc : NULL);
        add_replaced (&b, t->tail, cc);
    }
    return buf_take (&b, NULL);
}
