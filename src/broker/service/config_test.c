/* The configuration changes when all modules have agreed; what one refuses changes
 * nothing; changes wait for each other. */
#include "broker/service/fakepeer.h"

#include <unistd.h>

#include "base/error.h"
#include "broker/modhost/modules.h"
#include "broker/service/config.h"

struct world {
    struct broker b;
    struct fakepeer f;
    int asked; /* modules were */
    modules_config_f done;
    void *arg;
};

static struct world *world;

void modules_config (struct broker *b, modules_config_f done, void *arg)
{
    world->asked++;
    world->done = done;
    world->arg = arg;
}

static void modules_say (struct world *w, const char *refusal)
{
    modules_config_f done = w->done;

    assert_non_null (done);
    w->done = NULL;
    done (&w->b, refusal, w->arg);
    fake_turn (&w->f);
}

static int setup (void **state)
{
    struct world *w = world = calloc (1, sizeof (*w));

    fake_init (&w->f, &w->b, PEER_MODULE);
    w->b.conf = json_pack ("{s:i}", "old", 1);
    assert_int_equal (config_service_init (&w->b), 0);
    *state = w;
    return 0;
}

static int teardown (void **state)
{
    struct world *w = *state;

    config_service_fini (&w->b);
    fake_fini (&w->f);
    json_decref (w->b.conf);
    free (w);
    return 0;
}

static void load (struct world *w, const char *text)
{
    fake_send (&w->f, "config.load", text, text ? strlen (text) + 1 : 0, false, 1,
               FLUX_ROLE_OWNER);
}

static void is_now (struct world *w, const char *text)
{
    fake_forget (&w->f);
    fake_send (&w->f, "config.get", NULL, 0, false, 1, FLUX_ROLE_OWNER);
    assert_string_equal (fake_answer (&w->f), text);
}

static void agreed (void **state)
{
    struct world *w = *state;

    is_now (w, "{\"old\":1}");
    fake_forget (&w->f);
    load (w, "{\"new\":{\"a\":2}}");
    assert_int_equal (w->asked, 1);
    assert_null (fake_answer (&w->f));
    modules_say (w, NULL);
    assert_string_equal (fake_answer (&w->f), "");
    is_now (w, "{\"new\":{\"a\":2}}");
    assert_int_equal (w->asked, 1);
}

static void refused (void **state)
{
    struct world *w = *state;

    load (w, "{\"new\":1}");
    modules_say (w, "kvs: kvs.checkpoint-period: no");
    fake_expect (&w->f, "EINVAL kvs: kvs.checkpoint-period: no");
    assert_int_equal (w->asked, 2); /* they get the old one again */
    is_now (w, "{\"old\":1}");
    modules_say (w, "kvs: not this one either"); /* is logged */
    is_now (w, "{\"old\":1}");
}

static int says_no (json_t *conf, flux_error_t *error)
{
    if (!json_object_get (conf, "bad"))
        return 0;
    return error_invalid (error, "bad: no");
}

/* The broker's own word comes first: no module is asked. */
static void refused_by_the_broker (void **state)
{
    struct world *w = *state;

    w->b.hooks.config_check = says_no;
    load (w, "{\"bad\":1}");
    fake_expect (&w->f, "EINVAL bad: no");
    assert_int_equal (w->asked, 0);
    is_now (w, "{\"old\":1}");
    fake_forget (&w->f);
    load (w, "{\"good\":1}");
    modules_say (w, NULL);
    is_now (w, "{\"good\":1}");
}

static void in_turn (void **state)
{
    struct world *w = *state;

    load (w, "{\"n\":1}");
    load (w, "{\"n\":2}");
    load (w, NULL);
    load (w, "{\"n\":3}");
    assert_int_equal (w->asked, 1);
    modules_say (w, "a: no");
    fake_expect (&w->f, "EINVAL a: no");
    assert_null (fake_answer (&w->f));
    assert_int_equal (w->asked, 3); /* the old one, and the second */
    modules_say (w, NULL);
    assert_string_equal (fake_answer (&w->f), "");
    fake_expect (&w->f, "EPROTO the configuration is not an object");
    assert_null (fake_answer (&w->f));
    modules_say (w, NULL);
    assert_string_equal (fake_answer (&w->f), "");
    is_now (w, "{\"n\":3}");
}

/* The broker ends meanwhile. */
static void unanswered (void **state)
{
    load (*state, "{\"n\":1}");
    load (*state, "{\"n\":2}");
}

static void from_a_file (void **state)
{
    struct world *w = *state;
    char dir[] = "/tmp/config-test.XXXXXX", path[64];
    FILE *f;

    fake_send (&w->f, "config.reload", NULL, 0, false, 1, FLUX_ROLE_OWNER);
    fake_expect (&w->f, "ENOENT config.path is not set");
    assert_non_null (mkdtemp (dir));
    snprintf (path, sizeof (path), "%s/a.toml", dir);
    assert_int_equal (attrs_put (w->b.attrs, "config.path", dir, -1), 0);
    assert_non_null (f = fopen (path, "w"));
    fputs ("[t]\na = 5\n", f);
    fclose (f);
    fake_send (&w->f, "config.reload", NULL, 0, false, 1, FLUX_ROLE_OWNER);
    modules_say (w, NULL);
    assert_string_equal (fake_answer (&w->f), "");
    is_now (w, "{\"t\":{\"a\":5}}");
    /* what was added at the start goes before the file, and is not changed by it */
    w->b.conf_added = json_pack ("{s:{s:i} s:{s:i}}", "t", "b", 6, "u", "a", 7);
    for (int i = 0; i < 2; i++) {
        fake_forget (&w->f);
        fake_send (&w->f, "config.reload", NULL, 0, false, 1, FLUX_ROLE_OWNER);
        modules_say (w, NULL);
        assert_string_equal (fake_answer (&w->f), "");
        is_now (w, "{\"t\":{\"a\":5,\"b\":6},\"u\":{\"a\":7}}");
    }
    json_decref (w->b.conf_added);
    w->b.conf_added = NULL;
    assert_non_null (f = fopen (path, "w"));
    fputs ("[t\n", f);
    fclose (f);
    fake_forget (&w->f);
    fake_send (&w->f, "config.reload", NULL, 0, false, 1, FLUX_ROLE_OWNER);
    fake_expect (&w->f, "a.toml");
    is_now (w, "{\"t\":{\"a\":5,\"b\":6},\"u\":{\"a\":7}}");
    unlink (path);
    rmdir (dir);
}

static void guests (void **state)
{
    struct world *w = *state;

    fake_send (&w->f, "config.load", "{}", 3, false, 1, FLUX_ROLE_USER);
    fake_expect (&w->f, "EPERM");
    fake_send (&w->f, "config.reload", NULL, 0, false, 1, FLUX_ROLE_USER);
    fake_expect (&w->f, "EPERM");
    fake_send (&w->f, "config.get", NULL, 0, false, 1, FLUX_ROLE_USER);
    fake_expect (&w->f, "old");
    assert_int_equal (w->asked, 0);
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        T (agreed),
        T (refused),
        T (in_turn),
        T (unanswered),
        T (from_a_file),
        T (guests),
        T (refused_by_the_broker),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
