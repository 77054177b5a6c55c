/**
 * Values that must not be written down, and text without them.
 *
 * A value is known in the forms in which it may come back: as it is, without its scheme ("Bearer"),
 * URL-encoded, and in base64 at any offset of what was encoded. Values shorter than
 * FM_SECRET_LEAST_BYTES are no keys ("EMPTY", "none": what servers without keys are given), and
 * taking them out of texts would tear words apart. One thread at a time.
 */
#ifndef FM_WIRE_SECRETS_H
#define FM_WIRE_SECRETS_H

#include <stdbool.h>

#include "base/buffer.h"

#define FM_SECRET_LEAST_BYTES 6
#define FM_SECRET_REMOVED     "<removed>"

typedef struct {
    fm_buf *forms; /* the longest first */
    size_t n;
} fm_secrets;

bool fm_secrets_add(fm_secrets *secrets, const char *value); /* false: out of memory */
void fm_secrets_release(fm_secrets *secrets);                /* accepts {0} */

/* Append `bytes` with every form of every value replaced. */
void fm_secrets_scrub(const fm_secrets *secrets, fm_buf *out, const char *bytes, size_t size);

#endif
