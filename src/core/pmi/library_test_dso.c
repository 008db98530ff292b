/* What a launcher's library may be, for library_test.c: both versions, one process. The
 * environment says which function fails (PMI_FAKE_FAIL) and how many processes there are
 * (PMI_FAKE_SIZE). */
#include <flux/pmi.h>
#include <flux/pmi2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN __attribute__ ((visibility ("default")))

/* One key is enough. A value is there for others after a commit. */
static char put_key[64], put_value[1024], key[64], value[1024];

static int does (const char *what)
{
    const char *fail = getenv ("PMI_FAKE_FAIL");

    return fail && strcmp (fail, what) == 0 ? 7 : 0;
}

static int size_of_job (void)
{
    const char *s = getenv ("PMI_FAKE_SIZE");

    return s ? atoi (s) : 2;
}

static void commit (void)
{
    strcpy (key, put_key);
    strcpy (value, put_value);
}

static int put (const char *k, const char *v)
{
    if (strlen (v) >= sizeof (put_value))
        return 9;
    snprintf (put_key, sizeof (put_key), "%s", k);
    snprintf (put_value, sizeof (put_value), "%s", v);
    return does ("put");
}

SHOWN int PMI_Init (int *spawned)
{
    *spawned = 0;
    return does ("init");
}

SHOWN int PMI_Get_rank (int *rank)
{
    *rank = 0;
    return does ("rank");
}

SHOWN int PMI_Get_size (int *size)
{
    *size = size_of_job ();
    return 0;
}

SHOWN int PMI_KVS_Get_name_length_max (int *length)
{
    *length = does ("room") ? 0 : 16;
    return 0;
}

SHOWN int PMI_KVS_Get_value_length_max (int *length)
{
    *length = sizeof (value);
    return 0;
}

SHOWN int PMI_KVS_Get_my_name (char name[], int length)
{
    snprintf (name, length, "fake");
    return does ("name");
}

SHOWN int PMI_KVS_Put (const char name[], const char k[], const char v[])
{
    return strcmp (name, "fake") == 0 ? put (k, v) : 1;
}

SHOWN int PMI_KVS_Commit (const char name[])
{
    commit ();
    return does ("commit");
}

SHOWN int PMI_KVS_Get (const char name[], const char k[], char v[], int length)
{
    if (strcmp (k, key) != 0)
        return 5;
    snprintf (v, length, "%s", value);
    return 0;
}

SHOWN int PMI_Barrier (void)
{
    return does ("barrier");
}

SHOWN int PMI_Finalize (void)
{
    return does ("finalize");
}

SHOWN int PMI_Abort (int code, const char msg[])
{
    printf ("# abort: %d %s\n", code, msg);
    return does ("abort");
}

SHOWN int PMI2_Init (int *spawned, int *size, int *rank, int *appnum)
{
    *spawned = *rank = *appnum = 0;
    *size = size_of_job ();
    return does ("init");
}

SHOWN int PMI2_Job_GetId (char id[], int length)
{
    snprintf (id, length, "fake2");
    return does ("name");
}

SHOWN int PMI2_KVS_Put (const char k[], const char v[])
{
    return put (k, v);
}

SHOWN int PMI2_KVS_Get (const char *id, int rank, const char k[], char v[], int max,
                        int *len)
{
    if (strcmp (k, key) != 0 && strcmp (k, "raw") != 0)
        return 5;
    *len = does ("cut") ? -2000 : (int)strlen (put_value);
    snprintf (v, max, "%s", put_value);
    return 0;
}

SHOWN int PMI2_Info_GetJobAttr (const char name[], char v[], int max, int *found)
{
    *found = !does ("attr");
    snprintf (v, max, "(vector,(0,1,2))");
    return 0;
}

SHOWN int PMI2_KVS_Fence (void)
{
    commit ();
    return does ("barrier");
}

SHOWN int PMI2_Finalize (void)
{
    return does ("finalize");
}

SHOWN int PMI2_Abort (int flag, const char msg[])
{
    printf ("# abort: %s\n", msg);
    return does ("abort");
}
