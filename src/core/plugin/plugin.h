/* What those who load plugins want to know beyond <flux/plugin.h>. */
#ifndef CORE_PLUGIN_H
#define CORE_PLUGIN_H

#include <flux/plugin.h>

/* Another number whenever handlers come or go. */
unsigned long plugin_serial (const flux_plugin_t *p);

#endif
