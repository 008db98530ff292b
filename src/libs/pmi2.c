#include <flux/pmi2.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pmi/wire.h"
#include "libs/group.h"

static struct group *group;

int PMI2_Init (int *spawned, int *size, int *rank, int *appnum)
{
    GROUP_LOCK;
    const char *s = getenv ("PMI_SPAWNED");

    if (!spawned || !size || !rank || !appnum)
        return PMI2_ERR_INVALID_ARG;
    if (!group && !(group = group_join ()))
        return PMI2_FAIL;
    *spawned = s && strcmp (s, "1") == 0;
    *size = group_size (group);
    *rank = group_rank (group);
    return group_appnum (group, appnum) < 0 ? PMI2_FAIL : PMI2_SUCCESS;
}

int PMI2_Finalize (void)
{
    GROUP_LOCK;
    struct group *g = group;

    if (!g)
        return PMI2_ERR_INIT;
    group = NULL;
    return group_leave (g) < 0 ? PMI2_FAIL : PMI2_SUCCESS;
}

int PMI2_Initialized (void)
{
    GROUP_LOCK;

    return group != NULL;
}

int PMI2_Abort (int flag, const char msg[])
{
    group_abort (group, 1, msg ? msg : "");
}

/* Into the caller's buffer. */
static int copy_out (const char *s, char *buf, int size)
{
    if (size <= (int)strlen (s))
        return PMI2_ERR_INVALID_LENGTH;
    strcpy (buf, s);
    return PMI2_SUCCESS;
}

int PMI2_Job_GetId (char jobid[], int jobid_size)
{
    GROUP_LOCK;

    if (!group)
        return PMI2_ERR_INIT;
    return jobid ? copy_out (group_name (group), jobid, jobid_size)
                 : PMI2_ERR_INVALID_ARG;
}

int PMI2_Job_GetRank (int *rank)
{
    GROUP_LOCK;

    if (!group)
        return PMI2_ERR_INIT;
    if (!rank)
        return PMI2_ERR_INVALID_ARG;
    *rank = group_rank (group);
    return PMI2_SUCCESS;
}

/* The tasks of this node. */
int PMI2_Info_GetSize (int *size)
{
    GROUP_LOCK;

    if (!group)
        return PMI2_ERR_INIT;
    if (!size)
        return PMI2_ERR_INVALID_ARG;
    return (*size = group_clique (group, NULL, 0)) < 0 ? PMI2_FAIL : PMI2_SUCCESS;
}

static int check_key (const char *key)
{
    if (pmi_wire_check_key (key, PMI2_MAX_KEYLEN) == 0)
        return PMI2_SUCCESS;
    return errno == EMSGSIZE ? PMI2_ERR_INVALID_KEY_LENGTH : PMI2_ERR_INVALID_KEY;
}

int PMI2_KVS_Put (const char key[], const char value[])
{
    GROUP_LOCK;
    int rc;

    if (!group)
        return PMI2_ERR_INIT;
    if ((rc = check_key (key)))
        return rc;
    if (pmi_wire_check_value (value, PMI2_MAX_VALLEN) < 0)
        return errno == EMSGSIZE ? PMI2_ERR_INVALID_VAL_LENGTH : PMI2_ERR_INVALID_VAL;
    return group_put (group, key, value) < 0 ? PMI2_FAIL : PMI2_SUCCESS;
}

int PMI2_KVS_Get (const char *jobid, int src_pmi_id, const char key[], char value[],
                  int maxvalue, int *vallen)
{
    GROUP_LOCK;
    const char *s;
    int len, rc;

    if (!group)
        return PMI2_ERR_INIT;
    if ((rc = check_key (key)))
        return rc;
    if (!value || maxvalue < 1 || !vallen
        || (jobid && strcmp (jobid, group_name (group)) != 0))
        return PMI2_ERR_INVALID_ARG;
    if (!(s = group_get (group, key)))
        return errno == ENOENT ? PMI2_ERR_INVALID_KEY : PMI2_FAIL;
    len = strlen (s);
    *vallen = len < maxvalue ? len : -len;
    snprintf (value, maxvalue, "%s", s);
    return PMI2_SUCCESS;
}

int PMI2_KVS_Fence (void)
{
    GROUP_LOCK;

    if (!group)
        return PMI2_ERR_INIT;
    return group_barrier (group) < 0 ? PMI2_FAIL : PMI2_SUCCESS;
}

int PMI2_Info_GetJobAttr (const char name[], char value[], int valuelen, int *found)
{
    GROUP_LOCK;
    const char *s = NULL;
    char number[16];
    int n;

    if (!group)
        return PMI2_ERR_INIT;
    if (!name || !value || !found)
        return PMI2_ERR_INVALID_ARG;
    if (strcmp (name, "universeSize") == 0) {
        if (group_universe_size (group, &n) < 0)
            return PMI2_FAIL;
        snprintf (number, sizeof (number), "%d", n);
        s = number;
    } else if (strcmp (name, "PMI_process_mapping") == 0)
        s = group_get (group, name);
    *found = s != NULL;
    return s ? copy_out (s, value, valuelen) : PMI2_SUCCESS;
}

int PMI2_Info_GetJobAttrIntArray (const char name[], int array[], int arraylen,
                                  int *outlen, int *found)
{
    GROUP_LOCK;

    if (!group)
        return PMI2_ERR_INIT;
    if (!name || !array || arraylen < 1 || !outlen || !found)
        return PMI2_ERR_INVALID_ARG;
    *found = strcmp (name, "universeSize") == 0;
    *outlen = *found;
    if (*found && group_universe_size (group, array) < 0)
        return PMI2_FAIL;
    return PMI2_SUCCESS;
}

/* ---- what version 1 of the wire protocol has no words for ---- */

int PMI2_Info_GetNodeAttr (const char name[], char value[], int valuelen, int *found,
                           int waitfor)
{
    return PMI2_FAIL;
}

int PMI2_Info_GetNodeAttrIntArray (const char name[], int array[], int arraylen,
                                   int *outlen, int *found)
{
    return PMI2_FAIL;
}

int PMI2_Info_PutNodeAttr (const char name[], const char value[])
{
    return PMI2_FAIL;
}

int PMI2_Job_Spawn (int count, const char *cmds[], int argcs[], const char **argvs[],
                    const int maxprocs[], const int info_keyval_sizes[],
                    const MPID_Info *info_keyval_vectors[], int preput_keyval_size,
                    const MPID_Info *preput_keyval_vector[], char jobId[],
                    int jobIdSize, int errors[])
{
    return PMI2_FAIL;
}

int PMI2_Job_Connect (const char jobid[], PMI2_Connect_comm_t *conn)
{
    return PMI2_FAIL;
}

int PMI2_Job_Disconnect (const char jobid[])
{
    return PMI2_FAIL;
}

int PMI2_Nameserv_publish (const char service_name[], const PMI2U_Info *info_ptr,
                           const char port[])
{
    return PMI2_FAIL;
}

int PMI2_Nameserv_lookup (const char service_name[], const PMI2U_Info *info_ptr,
                          char port[], int portLen)
{
    return PMI2_FAIL;
}

int PMI2_Nameserv_unpublish (const char service_name[], const PMI2U_Info *info_ptr)
{
    return PMI2_FAIL;
}
