/* Option gpu-affinity: which GPUs a task sees. CUDA_VISIBLE_DEVICES has the ids that R
 * has, in the order in which the scheduler counts; "-1" hides all from who got none. Where
 * there is AMD's driver, ROCR_VISIBLE_DEVICES has them, and HIP, which reads both, counts
 * anew what that leaves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell/job/layout.h"
#include "shell/options.h"
#include "shell/plug.h"
#include "shell/shell.h"
#include "value/resource/rset.h"

/* Consecutive shares, wrapping when there are more tasks; owned by the caller. */
static struct idset *share (const struct jobspec *js, const struct idset *gpus,
                            int task, int task_count)
{
    size_t count = idset_count (gpus);
    size_t each = layout_share (js, count, task_count, js->gpus_per_slot);
    size_t first = task * each % count;
    struct idset *ids = idset_create (0, IDSET_FLAG_AUTOGROW);
    unsigned int id = idset_first (gpus);

    for (; first > 0; first--)
        id = idset_next (gpus, id);
    for (; ids && each > 0; each--) {
        if (idset_set (ids, id) < 0) {
            idset_destroy (ids);
            return NULL;
        }
        if ((id = idset_next (gpus, id)) == IDSET_INVALID_ID)
            id = idset_first (gpus);
    }
    return ids;
}

char *gpu_list (const struct idset *gpus)
{
    return gpus && !idset_empty (gpus) ? idset_encode (gpus, 0) : strdup ("-1");
}

/* "0,1,..." for so many. */
static char *counted (size_t count)
{
    struct idset *ids = idset_create (count + 1, 0);
    char *s = NULL;

    if (ids && (count == 0 || idset_range_set (ids, 0, count - 1) == 0))
        s = gpu_list (ids);
    idset_destroy (ids);
    return s;
}

int shell_gpu_set (struct shell *sh, const struct idset *gpus, bool rocm,
                   int (*set) (struct shell *sh, const char *name, const char *value))
{
    char *ids = gpu_list (gpus);
    char *seen =
        rocm ? counted (gpus ? idset_count (gpus) : 0) : strdup (ids ? ids : "");
    int rc = -1;

    if (ids && seen)
        rc = set (sh, "CUDA_VISIBLE_DEVICES", seen) < 0
                     || set (sh, "CUDA_DEVICE_ORDER", "PCI_BUS_ID") < 0
                     || (rocm && set (sh, "ROCR_VISIBLE_DEVICES", ids) < 0)
                 ? -1
                 : 0;
    free (ids);
    free (seen);
    return rc;
}

static struct idset *gpus_of_task (struct shell *sh, const struct idset *gpus, int task)
{
    if (sh->gpu.kind == AFFINITY_MAP)
        return option_map_set (sh->gpu.map, task);
    if (sh->gpu.kind == AFFINITY_PER_TASK && gpus && !idset_empty (gpus))
        return share (&sh->jobspec, gpus, task, sh->task_count);
    return gpus ? idset_copy (gpus) : NULL;
}

int shell_gpu_init (struct shell *sh)
{
    const struct idset *gpus = rset_children (sh->R, sh->broker_rank, "gpu");
    bool rocm = access ("/dev/kfd", F_OK) == 0;

    if (option_affinity (shell_option (sh, "gpu-affinity"), &sh->gpu) < 0
        || sh->gpu.kind == AFFINITY_OFF || sh->task_count == 0
        || (shell_plug
            && (shell_plug->replaces (sh, "gpu-affinity")
                || shell_plug->replaces (sh, "gpubind"))))
        return 0;
    if (sh->gpu.kind == AFFINITY_ON)
        return shell_gpu_set (sh, gpus, rocm, shell_env_set);
    sh->gpu_each = true;
    return shell_gpu_task (sh, &sh->tasks[0]);
}

int shell_gpu_task (struct shell *sh, struct task *t)
{
    const struct idset *gpus = rset_children (sh->R, sh->broker_rank, "gpu");
    struct idset *mine;
    int rc;

    if (!sh->gpu_each)
        return 0;
    mine = gpus_of_task (sh, gpus, t->localid);
    rc = shell_gpu_set (sh, mine, access ("/dev/kfd", F_OK) == 0, shell_env_set);
    idset_destroy (mine);
    return rc;
}
