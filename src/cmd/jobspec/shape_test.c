#include "cmd/jobspec/shape.h"

#include "base/test.h"

#include <string.h>

static void check (const char *text, const char *expected)
{
    flux_error_t error;
    json_t *o = shape_parse (text, "default", &error);
    json_t *e = json_loads (expected, 0, NULL);
    assert_non_null (e);
    if (!o)
        fail_msg ("%s", error.text);
    if (!json_equal (o, e))
        fail_msg ("%s: %s", text, json_dumps (o, JSON_COMPACT));
    json_decref (o);
    json_decref (e);
}

/* The examples of RFC 46. */
static void examples (void **state)
{
    check ("slot=4/node", "[{\"type\":\"slot\",\"count\":4,\"label\":\"default\","
                          "\"with\":[{\"type\":\"node\",\"count\":1}]}]");
    check ("slot=3-30/node",
           "[{\"type\":\"slot\",\"count\":{\"min\":3,\"max\":30,\"operator\":\"+\","
           "\"operand\":1},\"label\":\"default\","
           "\"with\":[{\"type\":\"node\",\"count\":1}]}]");
    check (
        "slot=4{nodelevel}/node{-x}/socket=2+/core=4+",
        "[{\"type\":\"slot\",\"count\":4,\"label\":\"nodelevel\",\"with\":[{\"type\":"
        "\"node\",\"count\":1,\"exclusive\":false,\"with\":[{\"type\":\"socket\","
        "\"count\":{\"min\":2},\"with\":[{\"type\":\"core\",\"count\":{\"min\":4}}]}]}"
        "]}]");
    check (
        "[cluster/slot=2{ib}/node/[memory=4{unit:GB};ib10g];"
        "switch/slot=2{bicore}/node/core=2]",
        "[{\"type\":\"cluster\",\"count\":1,\"with\":[{\"type\":\"slot\",\"count\":2,"
        "\"label\":\"ib\",\"with\":[{\"type\":\"node\",\"count\":1,\"with\":[{"
        "\"type\":\"memory\",\"count\":4,\"unit\":\"GB\"},{\"type\":\"ib10g\","
        "\"count\":1}]}]}]},{\"type\":\"switch\",\"count\":1,\"with\":[{\"type\":"
        "\"slot\",\"count\":2,\"label\":\"bicore\",\"with\":[{\"type\":\"node\","
        "\"count\":1,\"with\":[{\"type\":\"core\",\"count\":2}]}]}]}]");
    check ("slot=4,9,16,25/node",
           "[{\"type\":\"slot\",\"count\":\"4,9,16,25\",\"label\":\"default\","
           "\"with\":[{\"type\":\"node\",\"count\":1}]}]");
}

static void members (void **state)
{
    check (
        "slot{\"a b\",+p,-q,r,k:{m:[1,\"]\"],n:x y}}/core=[2-8:2:*]",
        "[{\"type\":\"slot\",\"count\":1,\"label\":\"a b\",\"p\":true,\"q\":false,"
        "\"r\":true,\"k\":{\"m\":[1,\"]\"],\"n\":\"x y\"},\"with\":[{\"type\":\"core\","
        "\"count\":{\"min\":2,\"max\":8,\"operator\":\"*\",\"operand\":2}}]}]");
    check ("slot/core{}", "[{\"type\":\"slot\",\"count\":1,\"label\":\"default\","
                          "\"with\":[{\"type\":\"core\",\"count\":1}]}]");
}

static void label (void **state)
{
    flux_error_t error;
    json_t *o = shape_parse ("node/[slot{a}/core;slot{b}/core]", "d", &error);
    assert_string_equal (shape_slot_label (o), "a");
    json_decref (o);
    assert_null (shape_slot_label (NULL));
}

static void bad (void **state)
{
    static const char *const shapes[][2] = {
        { "", "a name is missing at ''" },
        { "slot", "a slot without resources at ''" },
        { "slot/", "a name is missing at ''" },
        { "slot=0/core", "not a count at '0/core'" },
        { "slot=x/core", "not a count at 'x/core'" },
        { "slot=3-2/core", "not a count at '3-2/core'" },
        { "slot=2:1/core", "not a count" },
        { "slot=[2/core", "not a count" },
        { "slot=-1/core", "not a count" },
        { "slot=99999999999999999999+x/core", "not a count" },
        { "slot/core]", "more than one list at ']'" },
        { "slot/core;node", "more than one list at ';node'" },
        { "[slot/core", "a bracket is not closed" },
        { "slot{a/core", "a brace is not closed" },
        { "slot{}/core", "a name is missing" },
        { "slot/core{a:}", "not a value" },
        { "slot/core{\"a}", "a quote is not closed" },
        { "slot/core{1:\"x}", "not a value" },
        { "node=2", "there is no slot" },
        { "[slot/core;slot{a}/core]", "slots need labels where there are several" },
    };
    flux_error_t error;
    for (size_t i = 0; i < sizeof (shapes) / sizeof (shapes[0]); i++) {
        assert_null (shape_parse (shapes[i][0], "default", &error));
        if (!strstr (error.text, shapes[i][1]))
            fail_msg ("%s: %s", shapes[i][0], error.text);
    }
    char deep[4096] = "slot";
    for (int i = 0; i < 1000; i++)
        strcat (deep, "/[a");
    assert_null (shape_parse (deep, "default", &error));
    assert_non_null (strstr (error.text, "too deep"));
    strcpy (deep, "slot/a{");
    for (int i = 0; i < 1000; i++)
        strcat (deep, "a:{");
    assert_null (shape_parse (deep, "default", &error));
    assert_non_null (strstr (error.text, "too deep"));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (examples),
        cmocka_unit_test (members),
        cmocka_unit_test (label),
        cmocka_unit_test (bad),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
