/* The process manager interface of MPI, version 2: libpmi2, over the wire protocol of
 * version 1 (RFC 13, "Wire Protocol"). Alone without a process manager, as libpmi.
 *
 * Calls return PMI2_SUCCESS or another code: ERR_INIT before PMI2_Init and after
 * PMI2_Finalize, ERR_INVALID_ARG where there is nothing to put a result into,
 * ERR_INVALID_LENGTH where it does not fit, FAIL where the process manager says no or has
 * gone. Results are copied into the caller's memory, text with a NUL; lengths are bytes
 * with it. Calls wait for the answer; threads take turns. */
#ifndef FLUX_PMI2_H
#define FLUX_PMI2_H

#ifdef __cplusplus
extern "C" {
#endif

#define PMI2_SUCCESS 0
#define PMI2_FAIL -1
#define PMI2_ERR_INIT 1
#define PMI2_ERR_NOMEM 2
#define PMI2_ERR_INVALID_ARG 3
#define PMI2_ERR_INVALID_KEY 4
#define PMI2_ERR_INVALID_KEY_LENGTH 5
#define PMI2_ERR_INVALID_VAL 6
#define PMI2_ERR_INVALID_VAL_LENGTH 7
#define PMI2_ERR_INVALID_LENGTH 8
#define PMI2_ERR_INVALID_NUM_ARGS 9
#define PMI2_ERR_INVALID_ARGS 10
#define PMI2_ERR_INVALID_NUM_PARSED 11
#define PMI2_ERR_INVALID_KEYVALP 12
#define PMI2_ERR_INVALID_SIZE 13
#define PMI2_ERR_OTHER 14

/* Of a key, of a value, of what names a job: with the terminating NUL. */
#define PMI2_MAX_KEYLEN 64
#define PMI2_MAX_VALLEN 1024
#define PMI2_MAX_ATTRVALUE 1024
#define PMI2_ID_NULL -1

typedef struct PMI2_Connect_comm {
    int (*read) (void *buf, int maxlen, void *ctx);
    int (*write) (const void *buf, int len, void *ctx);
    void *ctx;
    int isMaster;
} PMI2_Connect_comm_t;
typedef struct MPID_Info {
    int handle;
    int pobj_mutex;
    int ref_count;
    struct MPID_Info *next;
    char *key;
    char *value;
} MPID_Info;
typedef MPID_Info PMI2U_Info;

/* Init again gives the same. spawned, appnum: as in pmi.h. */
int PMI2_Init (int *spawned, int *size, int *rank, int *appnum);
int PMI2_Finalize (void);
int PMI2_Initialized (void); /* 1 or 0 */
/* Says the message (one line of it, 900 bytes), ends the job, and exits with 1. flag: 1 for
 * the whole job (it always is). */
int PMI2_Abort (int flag, const char msg[]);

/* The name of the job; the rank in it; the number of its processes on this node. */
int PMI2_Job_GetId (char jobid[], int jobid_size);
int PMI2_Job_GetRank (int *rank);
int PMI2_Info_GetSize (int *size);

/* What was put is there for others after a fence, which ends when all processes of the job
 * are in it. jobid: NULL or this job's; src_pmi_id is not looked at. *vallen: its length
 * without NUL, or less than 0 and that length negated: then value is cut. ERR_INVALID_KEY:
 * empty, or with a blank, a newline or "=" in it, get also: there is no such key;
 * ERR_INVALID_VAL: NULL, or with a newline; ERR_INVALID_KEY_LENGTH, ERR_INVALID_VAL_LENGTH:
 * PMI2_MAX_KEYLEN and PMI2_MAX_VALLEN. */
int PMI2_KVS_Put (const char key[], const char value[]);
int PMI2_KVS_Get (const char *jobid, int src_pmi_id, const char key[], char value[],
                  int maxvalue, int *vallen);
int PMI2_KVS_Fence (void);

/* Attributes of the job: PMI_process_mapping, universeSize (also as an array of one). What
 * is no attribute is PMI2_SUCCESS with *found 0. arraylen and *outlen count ints. */
int PMI2_Info_GetJobAttr (const char name[], char value[], int valuelen, int *found);
int PMI2_Info_GetJobAttrIntArray (const char name[], int array[], int arraylen,
                                  int *outlen, int *found);

/* What version 1 of the wire protocol has no words for: these do nothing but return
 * PMI2_FAIL. */
int PMI2_Info_GetNodeAttr (const char name[], char value[], int valuelen, int *found,
                           int waitfor);
int PMI2_Info_GetNodeAttrIntArray (const char name[], int array[], int arraylen,
                                   int *outlen, int *found);
int PMI2_Info_PutNodeAttr (const char name[], const char value[]);
int PMI2_Job_Spawn (int count, const char *cmds[], int argcs[], const char **argvs[],
                    const int maxprocs[], const int info_keyval_sizes[],
                    const MPID_Info *info_keyval_vectors[], int preput_keyval_size,
                    const MPID_Info *preput_keyval_vector[], char jobId[],
                    int jobIdSize, int errors[]);
int PMI2_Job_Connect (const char jobid[], PMI2_Connect_comm_t *conn);
int PMI2_Job_Disconnect (const char jobid[]);
int PMI2_Nameserv_publish (const char service_name[], const PMI2U_Info *info_ptr,
                           const char port[]);
int PMI2_Nameserv_lookup (const char service_name[], const PMI2U_Info *info_ptr,
                          char port[], int portLen);
int PMI2_Nameserv_unpublish (const char service_name[], const PMI2U_Info *info_ptr);

#ifdef __cplusplus
}
#endif

#endif
