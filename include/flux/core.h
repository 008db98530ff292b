/* libflux-core. */
#ifndef FLUX_CORE_H
#define FLUX_CORE_H

#include <flux/attr.h>
#include <flux/future.h>
#include <flux/handle.h>
#include <flux/job.h>
#include <flux/jobspec1.h>
#include <flux/kvs.h>
#include <flux/message.h>
#include <flux/plugin.h>
#include <flux/reactor.h>
#include <flux/rpc.h>
#include <flux/stats.h>
#include <flux/subprocess.h>
#include <flux/types.h>
#include <string.h>
#include <syslog.h>

#endif
