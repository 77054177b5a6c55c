/* Owns the two clocks. */
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

double fm_clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void fm_clock_utc(char out[FM_CLOCK_TEXT_BYTES])
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    time_t now = fixed && *fixed ? (time_t)strtoll(fixed, NULL, 10) : time(NULL);
    struct tm parts;

    if (!gmtime_r(&now, &parts) ||
        strftime(out, FM_CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        out[0] = '\0';
}
