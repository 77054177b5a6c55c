/* Any bytes as a reply to a question about lengths or counts, or as a stored judgement. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "fathom/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_span reply = {(const char *)data, size};
    double values[4], others[4], value;
    fm_arena arena = {0};
    bool found;
    size_t n, from = 0, count = 0;

    for (;;) {
        fm_quantity q = fm_quantity_next(reply, from);

        if (q.outcome != FM_QUANTITY_READ)
            break;
        if (q.end <= from || q.end > size || !(q.value >= 0))
            abort();
        from = q.end;
        count++;
    }
    if (fm_quantity_list(reply, values, 4) != count ||
        fm_quantity_list_beyond(reply, reply, 1, values, 4) > 4 ||
        (fm_quantity_last(reply).outcome == FM_QUANTITY_READ) != (count > 0))
        abort();
    for (int rules = FM_QSPATIAL_OFFICIAL; rules <= FM_QSPATIAL_VLMEVALKIT; rules++)
        if (fm_quantity_qspatial((fm_qspatial_rules)rules, reply).value < 0)
            abort();
    if (fm_number_clock(reply, &value) && !(value >= 1 && value <= 12))
        abort();
    fm_number_first(reply, &value);
    fm_number_last(reply, &value);
    fm_number_word(reply, &value);
    if (fm_quantity_judged(reply, FM_JUDGED_METRES, &arena, values, others, 4, &n, &found, NULL) !=
        FM_OK)
        abort();
    if (found && (n == 0 || n > 4))
        abort();
    if (fm_quantity_mark(reply, &arena, &value, &found, NULL) != FM_OK)
        abort();
    fm_arena_release(&arena);
    return 0;
}
