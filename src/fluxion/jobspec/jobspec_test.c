#include "base/test.h"
#include "fluxion/jobspec/count.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOURCES "[{type: slot, count: 1, label: a, with: [{type: core, count: 1}]}]"
#define TASKS "[{command: [x], slot: a, count: {per_slot: 1}}]"

static void refused (const char *version, const char *resources, const char *tasks,
                     const char *attributes, const char *why)
{
    char text[1024];
    flux_error_t error;
    int line = 0, column = 0;

    snprintf (text, sizeof (text),
              "version: %s\nresources: %s\ntasks: %s\nattributes: %s\n", version,
              resources, tasks, attributes);
    struct request *r = request_parse (text, strlen (text), &line, &column, &error);
    if (r)
        fail_msg ("accepted: %s", text);
    assert_true (errno == EINVAL || errno == EBADMSG);
    if (!strstr (error.text, why))
        fail_msg ("%s\n%s\nexpected: %s", text, error.text, why);
    assert_true (line >= 1 && line <= 4 && column >= 1);
}

static void invalid (void **state)
{
    flux_error_t error;

    /* Whether it is YAML at all is told apart. */
    assert_null (request_parse ("a: [", 4, NULL, NULL, &error));
    assert_int_equal (errno, EBADMSG);
    assert_null (request_parse ("[1]", 3, NULL, NULL, &error));
    assert_int_equal (errno, EINVAL);
    refused ("0", RESOURCES, TASKS, "", "Only jobspec \"version\" 1-9999 is supported");
    refused ("10000", RESOURCES, TASKS, "", "1-9999");
    refused ("\"1\"", RESOURCES, TASKS, "", "\"version\" must be an unsigned integer");
    refused ("1\nextra: 1", RESOURCES, TASKS, "", "exactly four entries");
    refused ("1", "{}", TASKS, "", "not a sequence");
    refused ("1", "[]", TASKS, "", "empty");
    refused ("1", "[x]", TASKS, "", "Resource is not a mapping");
    refused ("1", "[{count: 1}]", TASKS, "", "Key \"type\" missing");
    refused ("1", "[{type: core}]", TASKS, "", "Key \"count\" missing");
    refused ("1", "[{type: core, count: -1}]", TASKS, "", "unsigned integer");
    refused ("1", "[{type: core, count: 1, colour: red}]", TASKS, "",
             "Unrecognized key in resource mapping");
    refused ("1", "[{type: core, count: 1, exclusive: yes}]", TASKS, "",
             "either \"true\" or \"false\"");
    refused ("1", "[{type: slot, count: 1, with: [{type: core, count: 1}]}]", TASKS, "",
             "All slots must be labeled");
    refused ("1", "[{type: core, count: {max: 2}}]", TASKS, "", "\"min\" missing");
    refused ("1", "[{type: core, count: {min: 0}}]", TASKS, "", "\"min\"");
    refused ("1", "[{type: core, count: {min: 1, max: 2}}]", TASKS, "", "all there or");
    refused ("1", "[{type: core, count: {min: 3, max: 2, operator: +, operand: 1}}]",
             TASKS, "", "\"max\"");
    refused ("1", "[{type: core, count: {min: 1, max: 2, operator: +, operand: 0}}]",
             TASKS, "", "\"operand\"");
    refused ("1", "[{type: core, count: {min: 1, max: 2, operator: '*', operand: 1}}]",
             TASKS, "", "\"operand\"");
    refused ("1", "[{type: core, count: {min: 1, max: 2, operator: ^, operand: 2}}]",
             TASKS, "", "\"min\"");
    refused ("1", "[{type: core, count: {min: 1, max: 2, operator: '-', operand: 1}}]",
             TASKS, "", "\"operator\"");
    refused ("1", RESOURCES, "[]", "", "\"tasks\" is empty");
    refused ("1", RESOURCES, "[{slot: a, count: {total: 1}}]", "", "Key \"command\"");
    refused ("1", RESOURCES, "[{command: x, slot: a, count: {total: 1}}]", "",
             "must be a sequence");
    refused ("1", RESOURCES,
             "[{command: [x], slot: a, count: {total: 1, per_slot: 1}}]", "",
             "one entry");
    refused ("1", RESOURCES, TASKS, "{other: 1}", "attributes mapping");
    refused ("1", RESOURCES, TASKS, "{system: {duration: long}}", "\"duration\"");
    refused ("1", RESOURCES, TASKS, "[1]", "not a mapping");
    refused ("1", RESOURCES, TASKS, "{system: {constraints: {properties: a}}}",
             "properties value must be an array");
    refused ("1", RESOURCES, TASKS, "{system: {constraints: {properties: ['a|b']}}}",
             "invalid property 'a|b'");
    refused ("1", RESOURCES, TASKS, "{system: {constraints: {properties: ['^']}}}",
             "invalid property '^'");
    refused ("1", RESOURCES, TASKS,
             "{system: {constraints: {and: [{properties: [1]}]}}}", "non-string");
    assert_null (request_parse ("{", 1, NULL, NULL, &error));
    assert_null (request_parse ("", 0, NULL, NULL, &error));
    assert_string_equal (error.text, "Top level of jobspec is not a mapping");
}

static int64_t fit (const char *text, int64_t avail)
{
    struct count_spec c;

    if (count_parse (text, &c) < 0)
        return -1;
    int64_t n = count_fit (&c, avail);
    free (c.list);
    return n;
}

static void counts (void **state)
{
    assert_int_equal (fit ("4", 3), 0);
    assert_int_equal (fit ("4", 4), 4);
    assert_int_equal (fit ("4", 9), 4);
    assert_int_equal (fit ("0", 9), 0);
    assert_int_equal (fit ("2+", 9), 9);
    assert_int_equal (fit ("2+:3", 9), 8);
    assert_int_equal (fit ("2-5", 9), 5);
    assert_int_equal (fit ("[2-9:3]", 7), 5);
    assert_int_equal (fit ("1-100:2:*", 60), 32);
    assert_int_equal (fit ("3-100:3:*", 100), 81);
    assert_int_equal (fit ("2-300:2:^", 300), 256);
    assert_int_equal (fit ("2-300:2:^", 255), 16);
    assert_int_equal (fit ("2+:2:^", INT64_MAX), 4294967296);
    assert_int_equal (fit ("1,3,7", 6), 3);
    assert_int_equal (fit ("3,7", 2), 0);
    assert_int_equal (fit ("", 1), -1);
    assert_int_equal (fit ("01", 1), -1);
    assert_int_equal (fit ("5-2", 1), -1);
    assert_int_equal (fit ("1-2:0", 1), -1);
    assert_int_equal (fit ("1-2:1:/", 1), -1);
    assert_int_equal (fit ("1-4:1:*", 1), -1);
    assert_int_equal (fit ("99999999999999999999", 1), -1);
}

static void valid (void **state)
{
    static const char text[] =
        "version: 1\nresources: " RESOURCES "\ntasks: " TASKS
        "\nattributes:\n  system:\n    duration: 1.5\n    queue: q\n"
        "    constraints: {properties: [a]}\n";
    flux_error_t error;
    struct graph *g = graph_create ();
    struct request *r = request_parse (text, strlen (text), NULL, NULL, &error);

    assert_non_null (r);
    assert_true (r->duration == 1.5);
    assert_string_equal (r->queue, "q");
    assert_int_equal (json_object_size (r->constraints), 1);
    assert_int_equal (request_bind (r, g, &error), 0);
    assert_int_equal (r->nall, 2);
    assert_true (r->resources[0].is_slot);
    assert_int_equal (r->resources[0].with[0].type_id, g->t_core);
    request_destroy (r);
    static const char moon[] = "version: 1\nresources: [{type: moon, count: 1}]\n"
                               "tasks: " TASKS "\nattributes: null\n";
    r = request_parse (moon, strlen (moon), NULL, NULL, &error);
    assert_non_null (r);
    assert_int_equal (request_bind (r, g, &error), -1);
    assert_string_equal (error.text,
                         "Value of \"type\" must be a resource type known to fluxion");
    request_destroy (r);
    graph_destroy (g);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (invalid),
        cmocka_unit_test (counts),
        cmocka_unit_test (valid),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
