/* Where the real replies and measured values are that the golden tests compare with. */
#ifndef FM_TESTS_REFERENCE_H
#define FM_TESTS_REFERENCE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* $FATHOM_REFERENCE_DATA, else ../shared/data beside the source; skips the test by name where
 * neither holds `part`. */
static inline const char *reference_data(const char *part)
{
    static char path[2048];
    const char *named = getenv("FATHOM_REFERENCE_DATA"), *source = getenv("FATHOM_SOURCE_DIR");

    if (named)
        snprintf(path, sizeof(path), "%s/%s", named, part);
    else
        snprintf(path, sizeof(path), "%s/../shared/data/%s", source ? source : ".", part);
    if (access(path, R_OK) != 0)
        cr_skip_test("no reference data at '%s'", path);
    return path;
}

#endif
