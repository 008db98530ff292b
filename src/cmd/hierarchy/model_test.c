#include "base/test.h"
#include "cmd/hierarchy/model.h"
#include "cmd/hierarchy/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE                                                                            \
    "version: 2\nentrypoint: level-1\ngroups:\n  - name: level-1\n"                    \
    "    resources: level1\nresources:\n  level1:\n    cores: 8\n    nodes: 1\n"

#define TWO                                                                            \
    "version: 2\nentrypoint: level1\ngroups:\n"                                        \
    "- {name: level1, resources: level1, launch: [{group: level2, count: 2}]}\n"       \
    "- {name: level2, resources: level2}\n"                                            \
    "resources:\n"                                                                     \
    "  level1: {nodes: 2, exclusive: true}\n  level2: {nodes: 1, cores: 48}\n"

#define CORE                                                                           \
    "entrypoint: level1\ngroups:\n"                                                    \
    "- {name: level1, resources: level1, launch: [{group: level2, count: 2}]}\n"       \
    "- {name: level2, resources: level2, launch: [{group: level3, count: 48}]}\n"      \
    "- {name: level3, resources: level3}\n"                                            \
    "resources:\n"                                                                     \
    "  level1: {nodes: 2, cores: 96}\n  level2: {nodes: 1, cores: 48}\n"               \
    "  level3: {nodes: 1, cores: 1}\n"

static struct hierarchy *load (const char *yaml)
{
    flux_error_t error = { { 0 } };
    struct hierarchy *t = hierarchy_parse (yaml, strlen (yaml), &error);
    assert_string_equal (error.text, "");
    assert_non_null (t);
    return t;
}

static void refused (const char *yaml, const char *text)
{
    flux_error_t error = { { 0 } };
    errno = 0;
    assert_null (hierarchy_parse (yaml, strlen (yaml), &error));
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text, text);
}

/* --- the shape --- */

static void shows_two (void **state)
{
    struct hierarchy *t = load (TWO);
    struct buf b = BUF_INIT;
    view_text (t, false, &b);
    assert_string_equal (b.data, "=> \n🌿 Leaf Broker Workers...{}\n"
                                 "level1 [Nodes: 2]\n"
                                 "    ├── level2 [Nodes: 1, Cores: 48]\n"
                                 "    └── level2 [Nodes: 1, Cores: 48]\n");
    buf_fini (&b);
    hierarchy_destroy (t);
}

static void shows_one_in_colors (void **state)
{
    struct hierarchy *t = load (ONE);
    struct buf b = BUF_INIT;
    view_text (t, true, &b);
    assert_string_equal (b.data,
                         "=> \033[96m\n🌿 Leaf Broker Workers...\033[0m{}\n"
                         "\033[92m\033[1mlevel-1\033[0m [Nodes: 1, Cores: 8]\n");
    buf_fini (&b);
    hierarchy_destroy (t);
}

static void shows_core (void **state)
{
    struct hierarchy *t = load (CORE);
    struct buf b = BUF_INIT;
    int lines = 0;
    view_text (t, false, &b);
    for (const char *p = b.data; (p = strchr (p, '\n')); p++)
        lines++;
    assert_int_equal (lines, 2 + 1 + 2 + 96);
    assert_int_equal (t->groups[t->entry].instances, 99);
    assert_int_equal (t->groups[t->entry].leaves, 96);
    assert_non_null (strstr (b.data, "\n    │   └── level3 [Nodes: 1, Cores: 1]\n"));
    assert_non_null (strstr (b.data, "\n        └── level3 [Nodes: 1, Cores: 1]\n"));
    buf_fini (&b);
    hierarchy_destroy (t);
}

static int join_ids (const struct hier_instance *i, void *arg)
{
    buf_printf (arg, "%s:%s%s ", i->id, i->group->name, i->last ? "." : "");
    return 0;
}

/* The count runs over all launches of a parent, so that no two have one id. */
static void ids_are_unique (void **state)
{
    struct hierarchy *t = load ("entrypoint: a\nresources: {r: {cores: 1}}\n"
                                "groups:\n- name: a\n  resources: r\n  launch:\n"
                                "  - {group: b}\n  - {group: c, count: 2}\n"
                                "- {name: b, resources: r}\n"
                                "- {name: c, resources: r, launch: [{group: b}]}\n");
    struct buf b = BUF_INIT;
    hierarchy_walk (t, join_ids, &b);
    assert_string_equal (b.data, "0:a. 0-0:b 0-1:c 0-1-0:b. 0-2:c. 0-2-0:b. ");
    buf_reset (&b);
    hierarchy_walk_children (t, &t->groups[t->entry], "0", join_ids, &b);
    assert_string_equal (b.data, "0-0:b 0-1:c 0-2:c. ");
    buf_fini (&b);
    hierarchy_destroy (t);
}

/* The key decides, not what it holds. */
static void leaf_is_without_launch (void **state)
{
    struct hierarchy *t =
        load ("entrypoint: a\nresources: {r: }\ngroups:\n"
              "- {name: a, resources: r, launch: [{group: b, count: 0}]}\n"
              "- {name: b, resources: r, launch: }\n- {name: c, resources: r}\n");
    assert_false (t->groups[1].leaf);
    assert_true (t->groups[2].leaf);
    assert_int_equal (t->groups[0].launch[0].count, 1);
    assert_int_equal (t->groups[0].leaves, 0);
    hierarchy_destroy (t);
}

static void json_has_all (void **state)
{
    struct hierarchy *t = load (CORE);
    struct buf b = BUF_INIT;
    int instances, leaves;
    const char *id, *group;
    json_t *all, *o, *children;
    view_json (t, &b);
    all = json_loads (b.data, 0, NULL);
    assert_int_equal (json_unpack (all, "{s:i s:i s:{s:o}}", "instances", &instances,
                                   "leaves", &leaves, "tree", "children", &children),
                      0);
    assert_int_equal (instances, 99);
    assert_int_equal (leaves, 96);
    o = json_array_get (children, 1);
    assert_int_equal (json_unpack (o, "{s:s s:s s:o}", "id", &id, "group", &group,
                                   "children", &children),
                      0);
    assert_string_equal (id, "0-1");
    assert_string_equal (group, "level2");
    assert_int_equal (json_array_size (children), 48);
    json_decref (all);
    buf_fini (&b);
    hierarchy_destroy (t);
}

static int count_text (const char *s, const char *what)
{
    int n = 0;
    for (; (s = strstr (s, what)); s++)
        n++;
    return n;
}

static void dot_has_an_edge_for_each_child (void **state)
{
    struct hierarchy *t = load (CORE);
    struct buf b = BUF_INIT;
    view_dot (t, &b);
    assert_int_equal (count_text (b.data, " -> "), 98);
    assert_non_null (strstr (b.data, "\"0-1\" -> \"0-1-47\";"));
    buf_fini (&b);
    hierarchy_destroy (t);
}

static void svg_has_a_box_for_each (void **state)
{
    struct hierarchy *t = load (CORE);
    struct buf b = BUF_INIT;
    view_svg (t, &b);
    assert_int_equal (count_text (b.data, "</title></rect>"), 99);
    assert_int_equal (count_text (b.data, "<svg "), 1);
    assert_string_equal (b.data + b.len - 7, "</svg>\n");
    buf_fini (&b);
    hierarchy_destroy (t);
}

/* --- what is wrong with it --- */

#define G "groups: [{name: a, resources: r}]\n"
#define R "resources: {r: {cores: 1}}\n"
#define E "entrypoint: a\n"

static void bad_files_name_the_key (void **state)
{
    refused ("a: [", "invalid YAML: line 2: did not find expected node content");
    refused ("- 1\n", "expected a map with entrypoint and groups");
    refused (G R, "entrypoint: missing");
    refused ("entrypoint: [a]\n" G R, "entrypoint: expected a name");
    refused ("entrypoint: b\n" G R, "entrypoint: no group 'b'");
    refused (E R, "groups: missing");
    refused (E G, "resources: missing");
    refused (E R "groups: 3\n", "groups: expected a list");
    refused (E R "groups: [3]\n", "groups[0]: expected a map");
    refused (E R "groups: [{resources: r}]\n", "groups[0].name: missing");
    refused (E R "groups: [{name: a}]\n", "groups[0].resources: missing");
    refused (E R "groups: [{name: a, resources: x}]\n",
             "groups[0].resources: no 'x' in resources");
    refused (E R "groups: [{name: a, resources: r}, {name: a, resources: r}]\n",
             "groups[1].name: there are two groups 'a'");
}

static void bad_launches_name_the_key (void **state)
{
    refused (E R "groups: [{name: a, resources: r, launch: 1}]\n",
             "groups[0].launch: expected a list");
    refused (E R "groups: [{name: a, resources: r, launch: [{count: 1}]}]\n",
             "groups[0].launch[0].group: missing");
    refused (E R "groups: [{name: a, resources: r, launch: [{group: x}]}]\n",
             "groups[0].launch[0].group: no group 'x'");
    refused (E R "groups: [{name: a, resources: r, launch: [{group: b, count: -1}]}, "
                 "{name: b, resources: r}]\n",
             "groups[0].launch[0].count: expected a number from 1 to 1000000");
    refused (E R "groups: [{name: a, resources: r, launch: [{group: b, count: x}]}, "
                 "{name: b, resources: r}]\n",
             "groups[0].launch[0].count: expected a number");
    refused (E R "groups: [{name: a, resources: r, launch: [{group: b}]}, "
                 "{name: b, resources: r, launch: [{group: a}]}]\n",
             "groups[1].launch[0].group: 'a' launches itself");
    refused (E R "groups: [{name: a, resources: r, launch: [{group: b, count: 999}]}, "
                 "{name: b, resources: r, launch: [{group: c, count: 999}]}, "
                 "{name: c, resources: r}]\n",
             "groups[0].launch[0].count: more than 100000 instances");
}

static void bad_resources_name_the_key (void **state)
{
    refused (E G "resources: {r: 1}\n", "resources.r: expected a map");
    refused (E G "resources: {r: {nodes: 0}}\n",
             "resources.r.nodes: expected a number from 1 to 1000000");
    refused (E G "resources: {r: {cores: many}}\n",
             "resources.r.cores: expected a number");
    refused (E G "resources: {r: {nodes: 2, cores: 3}}\n",
             "resources.r.cores: 3 is no multiple of 2 nodes");
    refused (E G "resources: {r: {nodes: 2, count: 3}}\n",
             "resources.r.count: 3 is no multiple of 2 nodes");
    refused (E G "resources: {r: {count: 2, cores: 3}}\n",
             "resources.r.cores: 3 is no multiple of count 2");
    refused (E G "resources: {r: {exclusive: yes, cores: 3}}\n",
             "resources.r.exclusive: only with nodes");
    refused (E G "resources: {r: {nodes: 1, exclusive: 3}}\n",
             "resources.r.exclusive: expected true or false");
}

/* A chain that is longer than ids are, and one that is doubled at each step. */
static void bounds_hold (void **state)
{
    struct buf b = BUF_INIT;
    flux_error_t error;
    for (int copies = 1; copies <= 2; copies++) {
        buf_reset (&b);
        buf_adds (&b, "entrypoint: g0\n" R "groups:\n");
        for (int i = 0; i < 60; i++)
            buf_printf (&b,
                        "- {name: g%d, resources: r, launch: "
                        "[{group: g%d, count: %d}]}\n",
                        i, i + 1, copies);
        buf_adds (&b, "- {name: g60, resources: r}\n");
        assert_null (hierarchy_parse (b.data, b.len, &error));
        assert_int_equal (errno, EINVAL);
    }
    buf_fini (&b);
}

/* --- does it fit --- */

static void fits (const char *yaml, int nodes, int cores, const char *text)
{
    struct hierarchy *t = load (yaml);
    struct hier_room room = { nodes, cores, nodes ? cores / nodes : 0 };
    flux_error_t error = { { 0 } };
    int rc = hierarchy_check_fit (t, &room, &error);
    assert_string_equal (error.text, text);
    assert_int_equal (rc, *text ? -1 : 0);
    hierarchy_destroy (t);
}

static void requests_are_compared_with_the_room (void **state)
{
    fits (CORE, 2, 96, "");
    fits (CORE, 4, 400, "");
    fits (CORE, 0, 0, "");
    fits (CORE, 1, 96, "resources.level1.nodes: 2, but this instance has 1");
    fits (CORE, 2, 64, "resources.level1.cores: 96, but this instance has 64 cores");
    fits (
        CORE, 4, 128,
        "resources.level1.cores: 48 of each node, but those of this instance have 32");
    fits (TWO, 2, 96, "");
    fits (TWO, 2, 64,
          "resources.level2.cores: 48 of each node, but those of level1 "
          "have 32");
}

static void launches_are_compared_with_their_parent (void **state)
{
    fits (E "resources: {r: {cores: 4}, s: {cores: 2}}\n"
            "groups: [{name: a, resources: r, launch: [{group: b, count: 3}]}, "
            "{name: b, resources: s}]\n",
          0, 0, "groups[0].launch[0]: 6 cores are needed up to here, but a has 4");
    fits (E "resources: {r: {nodes: 1, cores: 4}, s: {nodes: 2, cores: 2}}\n"
            "groups: [{name: a, resources: r, launch: [{group: b}]}, "
            "{name: b, resources: s}]\n",
          2, 8, "resources.s.nodes: 2, but a has 1");
}

/* Each was minutes of work. */
static void large_texts (void **state)
{
    struct buf b = BUF_INIT;
    flux_error_t error = { { 0 } };

    buf_adds (&b, "a: ");
    for (int i = 0; i < 200000; i++)
        buf_addc (&b, '[');
    refused (b.data, "invalid YAML: line 1: nested deeper than 64");
    buf_reset (&b);
    buf_adds (&b, "{\"entrypoint\":\"g0\",\"groups\":[");
    for (int i = 0; i < 100000; i++)
        buf_printf (&b, "%s{\"name\":\"g%d\",\"resources\":\"r%d\"}", i ? "," : "", i,
                    i);
    buf_adds (&b, "],\"resources\":{");
    for (int i = 0; i < 100000; i++)
        buf_printf (&b, "%s\"r%d\":{\"cores\":1}", i ? "," : "", i);
    buf_adds (&b, "}}");
    json_t *config = json_loadb (b.data, b.len, 0, NULL);
    assert_non_null (config);
    struct hierarchy *t = hierarchy_create (config, &error);
    assert_string_equal (error.text, "");
    assert_int_equal (hierarchy_find_group (t, "g99999"), 99999);
    hierarchy_destroy (t);
    json_decref (config);
    buf_fini (&b);
}

/* Files are named after groups. */
static void names_of_groups (void **state)
{
    refused ("entrypoint: x/../y\ngroups: [{name: x/../y, resources: r}]\n"
             "resources: {r: {cores: 1}}\n",
             "groups[0].name: no '/' or control character may be in it");
    refused ("entrypoint: x\ngroups: [{name: \"x\\n\", resources: r}]\n"
             "resources: {r: {cores: 1}}\n",
             "groups[0].name: no '/' or control character may be in it");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (large_texts),
        cmocka_unit_test (names_of_groups),
        cmocka_unit_test (shows_two),
        cmocka_unit_test (shows_one_in_colors),
        cmocka_unit_test (shows_core),
        cmocka_unit_test (ids_are_unique),
        cmocka_unit_test (leaf_is_without_launch),
        cmocka_unit_test (json_has_all),
        cmocka_unit_test (dot_has_an_edge_for_each_child),
        cmocka_unit_test (svg_has_a_box_for_each),
        cmocka_unit_test (bad_files_name_the_key),
        cmocka_unit_test (bad_launches_name_the_key),
        cmocka_unit_test (bad_resources_name_the_key),
        cmocka_unit_test (bounds_hold),
        cmocka_unit_test (requests_are_compared_with_the_room),
        cmocka_unit_test (launches_are_compared_with_their_parent),
    };
    return cmocka_run_group_tests_name ("hierarchy", tests, NULL, NULL);
}
