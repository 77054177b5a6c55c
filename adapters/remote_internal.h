/* Between the files of remote: not for the dialects. */
#ifndef FM_ADAPTERS_REMOTE_INTERNAL_H
#define FM_ADAPTERS_REMOTE_INTERNAL_H

#include "adapters/remote.h"

/* remote->config is set: read everything that it says. */
FM_MUST_CHECK fm_status fm_remote_configure(fm_remote *remote, fm_err *err);

#endif
