#include <flux/reapi_cli.h>
