/* The reader of hwloc: what is kept, and what it is called. */
#include "base/test.h"
#include "fluxion/io/reader.h"

#include <string.h>

static const char xml[] =
    "<topology version=\"2.0\"><object type=\"Machine\" os_index=\"0\">"
    "<info name=\"HostName\" value=\"host7\"/>"
    "<object type=\"Package\"><object type=\"Core\"/><object type=\"Core\"/></object>"
    "<object type=\"OSDev\" name=\"nvme0n1\" osdev_type=\"0\">"
    "<info name=\"Size\" value=\"4000000\"/>"
    "<info name=\"LinuxDeviceID\" value=\"259:0\"/></object>"
    "<object type=\"OSDev\" name=\"sda\" osdev_type=\"0\">"
    "<info name=\"Size\" value=\"7000000\"/></object>"
    "<object type=\"OSDev\" name=\"cuda3\" osdev_type=\"5\"/>"
    "</object></topology>";

static struct graph *read (const char *allowlist)
{
    struct read_options opt = { .allowlist = allowlist };
    struct graph *g = graph_create ();
    flux_error_t error;

    assert_non_null (g);
    if (fluxion_read_hwloc (g, xml, strlen (xml), &opt, &error) < 0)
        fail_msg ("%s", error.text);
    return g;
}

/* By type and number, whatever the device is called; which device is told beside. */
static void storage_names (void **state)
{
    struct graph *g = read (NULL);
    uint32_t v = graph_find_path (g, "/cluster0/host7/storage0");

    assert_int_not_equal (v, VTX_NONE);
    assert_int_equal (g->v[v].size, 4);
    assert_string_equal (graph_type_name (g, g->v[v].unit), "");
    const struct property *p = graph_get_property (g, v, "LinuxDeviceID");
    assert_non_null (p);
    assert_string_equal (graph_string (g, p->value), "259:0");
    v = graph_find_path (g, "/cluster0/host7/storage1");
    assert_int_not_equal (v, VTX_NONE);
    assert_int_equal (g->v[v].size, 7);
    assert_null (graph_get_property (g, v, "LinuxDeviceID"));
    assert_int_equal (graph_find_path (g, "/cluster0/host7/nvme0n1"), VTX_NONE);
    assert_int_not_equal (graph_find_path (g, "/cluster0/host7/gpu3"), VTX_NONE);
    graph_destroy (g);
}

/* Cores hang off the nearest that is kept. */
static void allowed_types (void **state)
{
    struct graph *g = read ("node,core,storage");

    assert_int_not_equal (graph_find_path (g, "/cluster0/host7/core1"), VTX_NONE);
    assert_int_not_equal (graph_find_path (g, "/cluster0/host7/storage1"), VTX_NONE);
    assert_int_equal (graph_vertex_count (g), 6);
    graph_destroy (g);
}

static void not_hwloc (void **state)
{
    static const char *const texts[] = { "", "<topology>", "<a></b>", "{}" };

    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        struct graph *g = graph_create ();
        flux_error_t error = { 0 };
        assert_int_equal (
            fluxion_read_hwloc (g, texts[i], strlen (texts[i]), NULL, &error), -1);
        assert_int_equal (strncmp (error.text, "hwloc", 5), 0);
        graph_destroy (g);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (storage_names),
        cmocka_unit_test (allowed_types),
        cmocka_unit_test (not_hwloc),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
