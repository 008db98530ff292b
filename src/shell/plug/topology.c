/* The XML of this host's topology. hwloc is loaded when somebody asks, which few do. */
#include <dlfcn.h>
#include <hwloc.h>
#include <string.h>

#include "base/error.h"
#include "shell/plug/plugs.h"

#define FUNCTIONS(X)                                                                   \
    X (hwloc_topology_init)                                                            \
    X (hwloc_topology_destroy)                                                         \
    X (hwloc_topology_load)                                                            \
    X (hwloc_topology_set_io_types_filter)                                             \
    X (hwloc_topology_export_xmlbuffer)                                                \
    X (hwloc_topology_restrict)                                                        \
    X (hwloc_free_xmlbuffer)                                                           \
    X (hwloc_bitmap_alloc)                                                             \
    X (hwloc_bitmap_set)                                                               \
    X (hwloc_bitmap_free)

struct hwloc {
#define MEMBER(name) typeof (name) *name;
    FUNCTIONS (MEMBER)
};

/* NULL with *error. The library stays. */
static const struct hwloc *load_library (flux_error_t *error)
{
    static struct hwloc hw;
    static void *dso;

    if (dso)
        return &hw;
    if (!(dso = dlopen ("libhwloc.so.15", RTLD_NOW | RTLD_LOCAL))) {
        error_fail (error, ENOSYS, "%s", dlerror ());
        return NULL;
    }
#define LOOKUP(name)                                                                   \
    if (!(hw.name = dlsym (dso, #name))) {                                             \
        error_fail (error, ENOSYS, "%s", dlerror ());                                  \
        dlclose (dso);                                                                 \
        dso = NULL;                                                                    \
        return NULL;                                                                   \
    }
    FUNCTIONS (LOOKUP)
    return &hw;
}

static int restrict_to (const struct hwloc *hw, hwloc_topology_t t,
                        const cpu_set_t *cpus)
{
    hwloc_bitmap_t set = hw->hwloc_bitmap_alloc ();
    int rc = -1;

    for (int i = 0; set && i < CPU_SETSIZE; i++) {
        if (CPU_ISSET (i, cpus) && hw->hwloc_bitmap_set (set, i) < 0)
            goto done;
    }
    rc = set ? hw->hwloc_topology_restrict (t, set, 0) : -1;
done:
    hw->hwloc_bitmap_free (set);
    return rc;
}

static char *export(const struct hwloc *hw, hwloc_topology_t t)
{
    char *xml, *copy;
    int len;

    if (hw->hwloc_topology_export_xmlbuffer (t, &xml, &len, 0) < 0)
        return NULL;
    copy = strdup (xml);
    hw->hwloc_free_xmlbuffer (t, xml);
    return copy;
}

char *plugs_topology (const cpu_set_t *cpus, flux_error_t *error)
{
    const struct hwloc *hw = load_library (error);
    hwloc_topology_t t;
    char *xml = NULL;

    if (!hw)
        return NULL;
    if (hw->hwloc_topology_init (&t) < 0) {
        error_fail (error, errno, "hwloc: %s", strerror (errno));
        return NULL;
    }
    if (hw->hwloc_topology_set_io_types_filter (t, HWLOC_TYPE_FILTER_KEEP_IMPORTANT) < 0
        || hw->hwloc_topology_load (t) < 0 || (cpus && restrict_to (hw, t, cpus) < 0)
        || !(xml = export(hw, t)))
        error_fail (error, errno, "hwloc: %s", strerror (errno));
    hw->hwloc_topology_destroy (t);
    return xml;
}

int flux_shell_get_hwloc_xml (flux_shell_t *shell, const char **xmlp)
{
    if (!shell || !xmlp)
        return plugs_einval ();
    if (!plugs.hwloc_xml && !(plugs.hwloc_xml = plugs_topology (NULL, NULL)))
        return -1;
    *xmlp = plugs.hwloc_xml;
    return 0;
}
