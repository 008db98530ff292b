#include "base/test.h"

#include <errno.h>
#include <string.h>

#include "base/json/keys.h"

static const struct json_key keys[] = {
    { "flag", JSON_KIND_BOOLEAN },
    { "count", JSON_KIND_INTEGER },
    { "name", JSON_KIND_STRING },
    { "list", JSON_KIND_ARRAY },
    { "more", JSON_KIND_TABLE },
    { "any", JSON_KIND_ANY },
    { NULL },
};

static void says_what_is_wrong (void **state)
{
    static const struct {
        const char *json, *error; /* NULL: none */
    } t[] = {
        { "{}", NULL },
        { "{\"flag\":false,\"count\":0,\"name\":\"\",\"list\":[],\"more\":{}}", NULL },
        { "{\"any\":null}", NULL },
        { "{\"any\":{}}", NULL },
        { "5", "tab: must be a table" },
        { "null", "tab: must be a table" },
        { "{\"x\":1}", "tab.x: there is no such key" },
        { "{\"\":1}", "tab.: there is no such key" },
        { "{\"flag\":1}", "tab.flag: must be true or false" },
        { "{\"flag\":null}", "tab.flag: must be true or false" },
        { "{\"count\":1.5}", "tab.count: must be an integer" },
        { "{\"name\":true}", "tab.name: must be a string" },
        { "{\"list\":{}}", "tab.list: must be an array" },
        { "{\"more\":[]}", "tab.more: must be a table" },
        { "{\"flag\":true,\"more\":\"\"}", "tab.more: must be a table" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        json_t *o = json_loads (t[i].json, JSON_DECODE_ANY, NULL);
        flux_error_t error = { "" };

        errno = 0;
        assert_int_equal (json_check_keys (o, "tab", keys, &error),
                          t[i].error ? -1 : 0);
        assert_string_equal (error.text, t[i].error ? t[i].error : "");
        assert_int_equal (errno, t[i].error ? EINVAL : 0);
        json_decref (o);
    }
    assert_int_equal (json_check_keys (NULL, "tab", keys, NULL), 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (says_what_is_wrong) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
