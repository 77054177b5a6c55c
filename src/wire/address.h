/**
 * Addresses of HTTP: what of a URL is needed to ask, to record and to judge a redirect. Counted
 * references, since thousands of requests go to one address. One thread at a time.
 */
#ifndef FM_WIRE_ADDRESS_H
#define FM_WIRE_ADDRESS_H

#include <stdbool.h>

#include "fathom/status.h"

typedef struct {
    int references;
    char *given;  /* what it was made from */
    char *url;    /* as curl writes it, without a fragment */
    char *origin; /* "https://host:443": equal where scheme, host and port are */
    char *path;   /* with the query */
    bool tls;
    bool loopback; /* the host is this machine, whatever a resolver says */
} fm_wire_address;

/* FM_E_USAGE, with `what` in the message, for anything but http and https, a user or a password. */
FM_MUST_CHECK fm_status fm_wire_address_new(fm_wire_address **out, const char *url,
                                            const char *what, fm_err *err);
/* Where `location`, the header of a reply from `base`, leads; the same refusals. */
FM_MUST_CHECK fm_status fm_wire_address_follow(fm_wire_address **out, const fm_wire_address *base,
                                               const char *location, fm_err *err);
fm_wire_address *fm_wire_address_share(fm_wire_address *address);
void fm_wire_address_free(fm_wire_address *address); /* gives up one reference; accepts NULL */

#endif
