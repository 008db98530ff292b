#include "topo.h"

#include <dirent.h>
#include <dlfcn.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* Only cores, and devices where there may be a GPU: a whole topology takes
 * ten times as long. */
#define FUNCTIONS(X)                                                                   \
    X (hwloc_topology_init)                                                            \
    X (hwloc_topology_destroy)                                                         \
    X (hwloc_topology_load)                                                            \
    X (hwloc_topology_set_xml)                                                         \
    X (hwloc_topology_set_all_types_filter)                                            \
    X (hwloc_topology_set_type_filter)                                                 \
    X (hwloc_get_cpubind)                                                              \
    X (hwloc_get_type_depth)                                                           \
    X (hwloc_get_nbobjs_by_depth)                                                      \
    X (hwloc_get_obj_by_depth)                                                         \
    X (hwloc_bitmap_alloc)                                                             \
    X (hwloc_bitmap_free)                                                              \
    X (hwloc_bitmap_intersects)

struct hwloc {
    void *dso;
#define MEMBER(name) typeof (name) *name;
    FUNCTIONS (MEMBER)
};

static int fail (flux_error_t *error, const char *what)
{
    if (error)
        snprintf (error->text, sizeof (error->text), "%.120s", what);
    errno = EINVAL;
    return -1;
}

static int load_library (struct hwloc *hw, flux_error_t *error)
{
    if (!(hw->dso = dlopen ("libhwloc.so.15", RTLD_NOW | RTLD_LOCAL)))
        return fail (error, dlerror ());
#define LOOKUP(name)                                                                   \
    if (!(hw->name = dlsym (hw->dso, #name)))                                          \
        return fail (error, dlerror ());
    FUNCTIONS (LOOKUP)
    return 0;
}

/* Display and compute controllers of those who make GPUs. */
static bool is_gpu (const char *device)
{
    static const char *const vendors[] = { "0x10de", "0x1002", "0x8086" };
    char path[512];
    char *class, *vendor;
    bool yes = false;

    snprintf (path, sizeof (path), "/sys/bus/pci/devices/%.200s/class", device);
    class = file_read_all (path, NULL);
    snprintf (path, sizeof (path), "/sys/bus/pci/devices/%.200s/vendor", device);
    vendor = file_read_all (path, NULL);
    /* 03: display controller, 12: processing accelerator. */
    if (class && vendor && (!strncmp (class, "0x03", 4) || !strncmp (class, "0x12", 4)))
        for (int i = 0; i < 3; i++)
            yes = yes || !strncmp (vendor, vendors[i], 6);
    free (class);
    free (vendor);
    return yes;
}

static bool may_have_gpu (void)
{
    DIR *dir = opendir ("/sys/bus/pci/devices");
    struct dirent *d;
    bool yes = false;

    while (dir && !yes && (d = readdir (dir)))
        yes = d->d_name[0] != '.' && is_gpu (d->d_name);
    if (dir)
        closedir (dir);
    return yes;
}

static int load_topology (struct hwloc *hw, hwloc_topology_t *t, const char *xml,
                          flux_error_t *error)
{
    bool gpus = xml || may_have_gpu ();

    if (hw->hwloc_topology_init (t) < 0)
        return fail (error, "hwloc_topology_init failed");
    hw->hwloc_topology_set_all_types_filter (*t, HWLOC_TYPE_FILTER_KEEP_NONE);
    hw->hwloc_topology_set_type_filter (*t, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
    if (gpus)
        hw->hwloc_topology_set_type_filter (*t, HWLOC_OBJ_OS_DEVICE,
                                            HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    if (xml && hw->hwloc_topology_set_xml (*t, xml) < 0)
        return fail (error, "cannot read hwloc XML file");
    if (hw->hwloc_topology_load (*t) < 0)
        return fail (error, "hwloc_topology_load failed");
    return 0;
}

/* A core counts if this process may run on one of its threads. Its index is
 * that in the whole machine, so that all who look agree. */
static int find_cores (struct hwloc *hw, hwloc_topology_t t, bool restrict_to_binding,
                       struct topo *topo)
{
    hwloc_bitmap_t allowed = NULL;
    int depth = hw->hwloc_get_type_depth (t, HWLOC_OBJ_CORE);
    int count, rc = 0;

    /* Some virtual machines do not show cores. */
    if (depth < 0)
        depth = hw->hwloc_get_type_depth (t, HWLOC_OBJ_PU);
    count = hw->hwloc_get_nbobjs_by_depth (t, depth);
    if (restrict_to_binding && (allowed = hw->hwloc_bitmap_alloc ())
        && hw->hwloc_get_cpubind (t, allowed, HWLOC_CPUBIND_PROCESS) < 0) {
        hw->hwloc_bitmap_free (allowed);
        allowed = NULL;
    }
    for (int i = 0; rc == 0 && i < count; i++) {
        hwloc_obj_t core = hw->hwloc_get_obj_by_depth (t, depth, i);
        if (!allowed || hw->hwloc_bitmap_intersects (core->cpuset, allowed))
            rc = idset_set (topo->cores, i);
    }
    if (allowed)
        hw->hwloc_bitmap_free (allowed);
    return rc;
}

/* One kind of device per GPU: the same card shows as CUDA and as OpenCL. */
static int find_gpus (struct hwloc *hw, hwloc_topology_t t, struct topo *topo)
{
    static const char *const prefixes[] = { "cuda", "rsmi", "ze", "opencl" };
    int depth = hw->hwloc_get_type_depth (t, HWLOC_OBJ_OS_DEVICE);
    int count = hw->hwloc_get_nbobjs_by_depth (t, depth);

    for (int p = 0; p < 4; p++) {
        unsigned int n = 0;
        for (int i = 0; i < count; i++) {
            hwloc_obj_t o = hw->hwloc_get_obj_by_depth (t, depth, i);
            if (o->name && !strncmp (o->name, prefixes[p], strlen (prefixes[p]))
                && idset_set (topo->gpus, n++) < 0)
                return -1;
        }
        if (n > 0)
            break;
    }
    return 0;
}

int topo_discover (struct topo *topo, const char *xml, bool norestrict,
                   flux_error_t *error)
{
    hwloc_topology_t t = NULL;
    struct hwloc hw = { 0 };
    int rc = -1;

    topo->cores = idset_create (0, IDSET_FLAG_AUTOGROW);
    topo->gpus = idset_create (0, IDSET_FLAG_AUTOGROW);
    if (topo->cores && topo->gpus && load_library (&hw, error) == 0
        && load_topology (&hw, &t, xml, error) == 0) {
        rc = find_cores (&hw, t, !norestrict && !xml, topo);
        if (rc == 0)
            rc = find_gpus (&hw, t, topo);
        if (rc < 0)
            fail (error, "out of memory");
    }
    if (t)
        hw.hwloc_topology_destroy (t);
    if (hw.dso)
        dlclose (hw.dso);
    if (rc < 0)
        topo_fini (topo);
    return rc;
}

void topo_fini (struct topo *topo)
{
    idset_destroy (topo->cores);
    idset_destroy (topo->gpus);
    topo->cores = topo->gpus = NULL;
}
