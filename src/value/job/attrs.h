/* What job-list tells of a job (RFC 43): attributes, in the order in which it has them. */
#ifndef VALUE_JOB_ATTRS_H
#define VALUE_JOB_ATTRS_H

enum job_attr {
    J_USERID,
    J_URGENCY,
    J_PRIORITY,
    J_T_SUBMIT,
    J_T_DEPEND,
    J_T_PRIORITY,
    J_T_SCHED,
    J_T_RUN,
    J_T_CLEANUP,
    J_T_INACTIVE,
    J_STATE,
    J_NAME,
    J_CWD,
    J_QUEUE,
    J_PROJECT,
    J_BANK,
    J_NTASKS,
    J_NCORES,
    J_NNODES,
    J_RANKS,
    J_NODELIST,
    J_DURATION,
    J_EXPIRATION,
    J_SUCCESS,
    J_RESULT,
    J_WAITSTATUS,
    J_EXC_OCCURRED,
    J_EXC_TYPE,
    J_EXC_SEVERITY,
    J_EXC_NOTE,
    J_ANNOTATIONS,
    J_DEPENDENCIES,
    J_ID, /* which nobody has to ask for */
    J_COUNT,
};
extern const char *const job_attr_names[J_COUNT];

#endif
