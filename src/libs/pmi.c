#include <flux/pmi.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pmi/wire.h"
#include "libs/group.h"

static struct group *group;

int PMI_Init (int *spawned)
{
    GROUP_LOCK;
    const char *s = getenv ("PMI_SPAWNED");

    if (!spawned)
        return PMI_ERR_INVALID_ARG;
    if (!group && !(group = group_join ()))
        return PMI_FAIL;
    *spawned = s && strcmp (s, "1") == 0;
    return PMI_SUCCESS;
}

int PMI_Initialized (int *initialized)
{
    GROUP_LOCK;

    if (!initialized)
        return PMI_ERR_INVALID_ARG;
    *initialized = group != NULL;
    return PMI_SUCCESS;
}

int PMI_Finalize (void)
{
    GROUP_LOCK;
    struct group *g = group;

    if (!g)
        return PMI_ERR_INIT;
    group = NULL;
    return group_leave (g) < 0 ? PMI_FAIL : PMI_SUCCESS;
}

int PMI_Abort (int exit_code, const char error_msg[])
{
    group_abort (group, exit_code, error_msg ? error_msg : "");
}

/* What all that set an int have to look at first. */
static int check (const int *result)
{
    if (!result)
        return PMI_ERR_INVALID_ARG;
    return group ? PMI_SUCCESS : PMI_ERR_INIT;
}

static int give (int *result, int value)
{
    int rc = check (result);

    if (rc == PMI_SUCCESS)
        *result = value;
    return rc;
}

int PMI_Get_size (int *size)
{
    GROUP_LOCK;

    return give (size, group ? group_size (group) : 0);
}

int PMI_Get_rank (int *rank)
{
    GROUP_LOCK;

    return give (rank, group ? group_rank (group) : 0);
}

int PMI_Get_universe_size (int *size)
{
    GROUP_LOCK;
    int rc = check (size);

    return rc ? rc : group_universe_size (group, size) < 0 ? PMI_FAIL : PMI_SUCCESS;
}

int PMI_Get_appnum (int *appnum)
{
    GROUP_LOCK;
    int rc = check (appnum);

    return rc ? rc : group_appnum (group, appnum) < 0 ? PMI_FAIL : PMI_SUCCESS;
}

int PMI_Get_clique_size (int *size)
{
    GROUP_LOCK;
    int rc = check (size);

    if (rc)
        return rc;
    return (*size = group_clique (group, NULL, 0)) < 0 ? PMI_FAIL : PMI_SUCCESS;
}

int PMI_Get_clique_ranks (int ranks[], int length)
{
    GROUP_LOCK;
    int rc = check (ranks), count;

    if (rc)
        return rc;
    if ((count = group_clique (group, ranks, length)) < 0)
        return PMI_FAIL;
    return count > length ? PMI_ERR_INVALID_LENGTH : PMI_SUCCESS;
}

int PMI_KVS_Get_name_length_max (int *length)
{
    GROUP_LOCK;

    return give (length, GROUP_NAME_MAX);
}

int PMI_KVS_Get_key_length_max (int *length)
{
    GROUP_LOCK;

    return give (length, GROUP_KEY_MAX);
}

int PMI_KVS_Get_value_length_max (int *length)
{
    GROUP_LOCK;

    return give (length, GROUP_VALUE_MAX);
}

int PMI_Get_id_length_max (int *length)
{
    GROUP_LOCK;

    return give (length, GROUP_NAME_MAX);
}

int PMI_KVS_Get_my_name (char kvsname[], int length)
{
    GROUP_LOCK;

    if (!kvsname)
        return PMI_ERR_INVALID_ARG;
    if (!group)
        return PMI_ERR_INIT;
    if (length <= (int)strlen (group_name (group)))
        return PMI_ERR_INVALID_LENGTH;
    strcpy (kvsname, group_name (group));
    return PMI_SUCCESS;
}

int PMI_Get_kvs_domain_id (char kvsname[], int length)
{
    return PMI_KVS_Get_my_name (kvsname, length);
}

int PMI_Get_id (char kvsname[], int length)
{
    return PMI_KVS_Get_my_name (kvsname, length);
}

static int check_key (const char *kvsname, const char *key)
{
    if (!group)
        return PMI_ERR_INIT;
    if (!kvsname || strcmp (kvsname, group_name (group)) != 0)
        return PMI_ERR_INVALID_KVS;
    if (pmi_wire_check_key (key, GROUP_KEY_MAX) == 0)
        return PMI_SUCCESS;
    return errno == EMSGSIZE ? PMI_ERR_INVALID_KEY_LENGTH : PMI_ERR_INVALID_KEY;
}

int PMI_KVS_Put (const char kvsname[], const char key[], const char value[])
{
    GROUP_LOCK;
    int rc = check_key (kvsname, key);

    if (rc)
        return rc;
    if (pmi_wire_check_value (value, GROUP_VALUE_MAX) < 0)
        return errno == EMSGSIZE ? PMI_ERR_INVALID_VAL_LENGTH : PMI_ERR_INVALID_VAL;
    return group_put (group, key, value) < 0 ? PMI_FAIL : PMI_SUCCESS;
}

int PMI_KVS_Commit (const char kvsname[])
{
    GROUP_LOCK;

    if (!group)
        return PMI_ERR_INIT;
    return kvsname && strcmp (kvsname, group_name (group)) == 0 ? PMI_SUCCESS
                                                                : PMI_ERR_INVALID_ARG;
}

int PMI_KVS_Get (const char kvsname[], const char key[], char value[], int length)
{
    GROUP_LOCK;
    int rc = check_key (kvsname, key);
    const char *s;

    if (rc)
        return rc;
    if (!value)
        return PMI_ERR_INVALID_VAL;
    if (!(s = group_get (group, key))) {
        if (errno != ENOENT || strncmp (key, "PMI_", 4) != 0)
            return PMI_FAIL;
        s = "";
    }
    if (length <= (int)strlen (s))
        return PMI_ERR_INVALID_LENGTH;
    strcpy (value, s);
    return PMI_SUCCESS;
}

int PMI_Barrier (void)
{
    GROUP_LOCK;

    if (!group)
        return PMI_ERR_INIT;
    return group_barrier (group) < 0 ? PMI_FAIL : PMI_SUCCESS;
}

/* ---- optional (RFC 13): there are no dynamic processes, and no other key spaces ---- */

int PMI_KVS_Create (char kvsname[], int length)
{
    return PMI_FAIL;
}

int PMI_KVS_Destroy (const char kvsname[])
{
    return PMI_FAIL;
}

int PMI_KVS_Iter_first (const char kvsname[], char key[], int key_len, char val[],
                        int val_len)
{
    return PMI_FAIL;
}

int PMI_KVS_Iter_next (const char kvsname[], char key[], int key_len, char val[],
                       int val_len)
{
    return PMI_FAIL;
}

int PMI_Spawn_multiple (int count, const char *cmds[], const char **argvs[],
                        const int maxprocs[], const int info_keyval_sizesp[],
                        const PMI_keyval_t *info_keyval_vectors[],
                        int preput_keyval_size,
                        const PMI_keyval_t preput_keyval_vector[], int errors[])
{
    return PMI_FAIL;
}

int PMI_Publish_name (const char service_name[], const char port[])
{
    return PMI_FAIL;
}

int PMI_Unpublish_name (const char service_name[])
{
    return PMI_FAIL;
}

int PMI_Lookup_name (const char service_name[], char port[])
{
    return PMI_FAIL;
}

int PMI_Parse_option (int num_args, char *args[], int *num_parsed,
                      PMI_keyval_t **keyvalp, int *size)
{
    return PMI_FAIL;
}

int PMI_Args_to_keyval (int *argcp, char *((*argvp)[]), PMI_keyval_t **keyvalp,
                        int *size)
{
    return PMI_FAIL;
}

int PMI_Free_keyvals (PMI_keyval_t keyvalp[], int size)
{
    return PMI_FAIL;
}

int PMI_Get_options (char *str, int *length)
{
    return PMI_FAIL;
}
