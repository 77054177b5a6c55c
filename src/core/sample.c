/* Owns the tables behind fm_sample_status. */
#include "fathom/sample.h"

#include <string.h>

static const struct {
    const char *name, *meaning;
    fm_outcome outcome;
} table[FM_SAMPLE_STATUS_COUNT] = {
#define FM_SAMPLE_STATUS_ROW(code, name, group, text)                                              \
    [FM_SAMPLE_##code] = {name, text, FM_OUTCOME_##group},
    FM_SAMPLE_STATUS_MAP(FM_SAMPLE_STATUS_ROW)
#undef FM_SAMPLE_STATUS_ROW
};

static bool known(fm_sample_status status)
{
    return (unsigned)status < FM_SAMPLE_STATUS_COUNT;
}

const char *fm_sample_status_name(fm_sample_status status)
{
    return known(status) ? table[status].name : "unknown";
}

const char *fm_sample_status_meaning(fm_sample_status status)
{
    return known(status) ? table[status].meaning : "";
}

fm_outcome fm_sample_status_outcome(fm_sample_status status)
{
    return known(status) ? table[status].outcome : FM_OUTCOME_ERRORED;
}

bool fm_sample_status_from_name(const char *name, fm_sample_status *out)
{
    for (size_t i = 0; i < FM_SAMPLE_STATUS_COUNT; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *out = (fm_sample_status)i;
            return true;
        }
    }
    return false;
}
