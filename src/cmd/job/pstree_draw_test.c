#include "base/test.h"
#include "cmd/job/pstree_draw.h"

static void label (json_t *job, struct buf *out, void *arg)
{
    (void)arg;
    buf_adds (out, json_string_value (json_object_get (job, "name")));
}

static void detail (json_t *job, struct buf *out, void *arg)
{
    (void)arg;
    buf_printf (out, "%d ", (int)json_array_size (json_object_get (job, "children")));
}

static const char *text =
    "{\"name\":\".\",\"children\":["
    "{\"name\":\"flux\",\"children\":[{\"name\":\"lone\"},{\"name\":\"sleep\"},"
    "{\"name\":\"sleep\"}]},"
    "{\"name\":\"a\"},{\"name\":\"flux\",\"children\":[]},{\"name\":\"b\"},"
    "{\"name\":\"a\"}]}";

static void draws (struct pstree_style style, const char *wanted)
{
    json_t *root = json_loads (text, 0, NULL);
    struct buf b = BUF_INIT;
    style.label = label;
    pstree_draw (root, &style, &b);
    assert_string_equal (b.data, wanted);
    buf_fini (&b);
    json_decref (root);
}

static void equal_leaves_are_one (void **state)
{
    draws ((struct pstree_style){ .combine = true }, ".\n"
                                                     "├── flux\n"
                                                     "│   ├── lone\n"
                                                     "│   └── 2*[sleep]\n"
                                                     "├── 2*[a]\n"
                                                     "├── flux\n"
                                                     "└── b\n");
}

static void or_each_is_one (void **state)
{
    draws ((struct pstree_style){ .connectors = PSTREE_ASCII }, ".\n"
                                                                "|-- flux\n"
                                                                "|   |-- lone\n"
                                                                "|   |-- sleep\n"
                                                                "|   `-- sleep\n"
                                                                "|-- a\n"
                                                                "|-- flux\n"
                                                                "|-- b\n"
                                                                "`-- a\n");
}

static void without_root_each_stands_alone (void **state)
{
    draws ((struct pstree_style){ .connectors = PSTREE_COMPACT,
                                  .combine = true,
                                  .skip_root = true,
                                  .detail = detail },
           "3 flux\n0 ├─lone\n0 └─2*[sleep]\n0 2*[a]\n0 flux\n0 b\n");
}

static void lines_are_cut_between_characters (void **state)
{
    draws ((struct pstree_style){ .combine = true, .width = 6 }, ".\n"
                                                                 "├── fl\n"
                                                                 "│   ├─\n"
                                                                 "│   └─\n"
                                                                 "├── 2*\n"
                                                                 "├── fl\n"
                                                                 "└── b\n");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (equal_leaves_are_one),
        cmocka_unit_test (or_each_is_one),
        cmocka_unit_test (without_root_each_stands_alone),
        cmocka_unit_test (lines_are_cut_between_characters),
    };
    return cmocka_run_group_tests_name ("cmd-pstree", tests, NULL, NULL);
}
