/* Any bytes as a reply to a question about points: every rule ends in one of its stated outcomes. The
 * first two bytes are the picture's size. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "fathom/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const fm_points_rule *rule, fm_span reply, int width, int height, fm_arena *arena)
{
    fm_points points;

    if (fm_points_read(rule, reply, width, height, arena, &points, NULL) != FM_OK)
        abort();
    if ((points.kind == FM_POINTS_RAISE) != (points.raises != NULL) || points.n > FM_POINTS_MAX ||
        (points.kind == FM_POINTS_FOUND && points.n == 0) || points.malformed > points.n)
        abort();
    for (size_t i = 0; i < points.n; i++) {
        const fm_point *p = &points.items[i];

        if (rule->pixel == FM_PIXEL_ROUND_CLIPPED && !p->is_box &&
            !(isnan(p->x) || (p->x >= 0 && p->x < width)))
            abort();
        if (p->is_box && rule->boxes != FM_BOX_IGNORED && !(p->x < p->x1 && p->y < p->y1))
            abort();
    }
    fm_points_path(&points, arena);
    fm_arena_reset(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const fm_points_rule boxes = {.form = FM_FORM_BOXES, .space = FM_SPACE_999};
    fm_arena arena = {0};
    double(*vertices)[2];
    size_t n;

    if (size < 2)
        return 0;
    fm_span reply = {(const char *)data + 2, size - 2};
    for (size_t i = 0; fm_points_rule_at(i); i++)
        check(fm_points_rule_at(i), reply, data[0] + 1, data[1] + 1, &arena);
    check(&boxes, reply, data[0] + 1, data[1] + 1, &arena);
    if (fm_points_polygon(reply, &arena, &vertices, &n, NULL) == FM_OK && n < 3)
        abort();
    fm_arena_release(&arena);
    return 0;
}
