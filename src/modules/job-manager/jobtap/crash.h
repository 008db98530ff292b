/* Which plugin is being called, for when that is the last that happens. */
#ifndef JOB_MANAGER_JOBTAP_CRASH_H
#define JOB_MANAGER_JOBTAP_CRASH_H

struct crash_call {
    const char *plugin, *topic; /* borrowed while it lasts */
};

/* Of the thread that calls. owner: the name of the plugin that was loaded from path, or
 * NULL; called in a signal handler. Until crash_forget, at the latest when this module is
 * unloaded. */
void crash_watch (const char *(*owner) (const char *path, void *arg), void *arg);
void crash_forget (void);

struct crash_call crash_enter (const char *plugin, const char *topic);
void crash_leave (struct crash_call outer);

#endif
