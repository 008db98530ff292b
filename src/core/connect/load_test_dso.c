/* Connectors of others for load_test.c, good ones and bad ones. */
#include <flux/connector.h>

#include <errno.h>
#include <stdio.h>

#if defined(CONNECTOR_OTHER)
const int flux_connector_version = FLUX_CONNECTOR_VERSION + 1;
#elif !defined(CONNECTOR_UNVERSIONED)
const int flux_connector_version = FLUX_CONNECTOR_VERSION;
#endif

#ifndef CONNECTOR_EMPTY
flux_t *connector_init (const char *rest, int flags, double limit, flux_error_t *error)
{
#if defined(CONNECTOR_GOOD)
    return flux_open_ex (rest, flags, error);
#elif defined(CONNECTOR_TALKING)
    snprintf (error->text, sizeof (error->text), "%s is away (%g)\nuntil ten", rest,
              limit);
    errno = EHOSTDOWN;
    return NULL;
#elif defined(CONNECTOR_SILENT)
    return NULL;
#else
    return flux_open ("loop://", flags);
#endif
}
#endif
