/* Owns the rules of protocols that judge points by where they lie: which published rule reads them,
 * against which of the data's regions, and what a mask's value and an answer without points count
 * as. */
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/pointing.h"
#include "suites/common/common.h"
#include "suites/common/rules.h"

/* The last two are of protocols that count objects alone: both by the rule `counting`, the first also as
 * what is `primary`. Of others no sample could have a value. */
enum { M_SCORE, M_FIRST, M_ANY, M_ALL, M_POINTS, M_INSIDE, M_COUNTED, M_SUCCESS, M_COUNT };

static const fm_metric metrics[M_COUNT] = {
    {"score", "", FM_METRIC_MEAN, FM_OVER_PRESENT, 1, "share of the points that lie in the region"},
    {"hit_first", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1, "the first point lies in the region"},
    {"hit_any", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1, "a point lies in the region"},
    {"hit_all", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1, "every point lies in the region"},
    {"points", "", FM_METRIC_MEAN, FM_OVER_PRESENT, 0, "points of the answer"},
    {"inside", "", FM_METRIC_MEAN, FM_OVER_PRESENT, 0, "points in the region"},
    {"hit_counted", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1,
     "every point lies in the region, and they are as many as there are objects"},
    {"success", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1,
     "every point lies in the region, and they are as many as there are objects, in the category "
     "that counts; the first point does in every other"},
};

typedef enum { REGION_MASK, REGION_POLYGON, REGION_BOX, REGION_GIVEN } region;

typedef struct {
    fm_points_rule read;
    fm_part part;
    int region, primary;
    int worth;       /* fm_mask_worth */
    bool as_written; /* the numbers of the answer against those of the data, unscaled */
    bool vga;        /* the picture is taken for one of 640x480, as RoboPoint does */
    /* The category whose answers must have as many points as there are objects; "": none. */
    char counting[64];
    fm_unparsed empty, raises;
} points_rules;

/* ---- rules ---- */

static fm_status read_primary(const fm_rules *rules, points_rules *out)
{
    static const int primaries[] = {M_SCORE, M_FIRST, M_ANY, M_ALL, M_COUNTED, M_SUCCESS};
    const char *names[FM_COUNT_OF(primaries)];
    int index = 0;

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        names[i] = metrics[primaries[i]].name;
    fm_status st = fm_rules_word(rules, "primary", names, FM_COUNT_OF(names), &index);
    out->primary = primaries[index];
    if (st == FM_OK && out->primary == M_SUCCESS && !out->counting[0])
        st = fm_fail(rules->err, FM_E_INPUT, "%s: 'primary: success' needs 'counting'",
                     rules->place);
    return st;
}

static fm_status read_rules(const fm_rules *rules, void *kept)
{
    static const char *const regions[] = {[REGION_MASK] = "mask",
                                          [REGION_POLYGON] = "polygon",
                                          [REGION_BOX] = "box",
                                          [REGION_GIVEN] = "given"};
    static const char *const worths[] = {
        [FM_MASK_SET] = "binary", [FM_MASK_SHARE] = "fraction", [FM_MASK_ROUNDED] = "rounded"};
    static const char *const compares[] = {"pixels", "as_written"};
    static const char *const sizes[] = {"picture", "640x480"};
    points_rules *out = kept;
    int compare = 0, size = 0;
    fm_status st;

    out->region = REGION_GIVEN;
    if ((st = fm_rules_points(rules, &out->read)) != FM_OK ||
        (st = fm_rules_part(rules, &out->part)) != FM_OK ||
        (st = fm_rules_word(rules, "region", regions, FM_COUNT_OF(regions), &out->region)) !=
            FM_OK ||
        (st = fm_rules_word(rules, "mask_value", worths, FM_COUNT_OF(worths), &out->worth)) !=
            FM_OK ||
        (st = fm_rules_word(rules, "compare", compares, FM_COUNT_OF(compares), &compare)) !=
            FM_OK ||
        (st = fm_rules_word(rules, "size", sizes, FM_COUNT_OF(sizes), &size)) != FM_OK ||
        (st = fm_rules_name(rules, "counting", out->counting, sizeof(out->counting))) != FM_OK ||
        (st = read_primary(rules, out)) != FM_OK ||
        (st = fm_rules_unparsed(rules, "empty", &out->empty)) != FM_OK)
        return st;
    out->as_written = compare == 1;
    out->vga = size == 1;
    out->raises = out->empty;
    return fm_rules_unparsed(rules, "raises", &out->raises);
}

/* ---- grading ---- */

typedef struct {
    const points_rules *rules;
    const fm_grade_input *input;
    fm_raster *mask;
    fm_arena *arena;
    fm_grade *out;
    fm_err *err;
    region region;
    int width, height;
} grading;

static region region_of(const points_rules *rules, const fm_sample *sample)
{
    const fm_truth_region *truth = &sample->truth.region;

    if (rules->region != REGION_GIVEN)
        return (region)rules->region;
    if (sample->mask_path)
        return REGION_MASK;
    return truth->polygon ? REGION_POLYGON : REGION_BOX;
}

/* Nothing can be said of this sample, whatever the reply. */
static fm_status lose(grading *g, const char *reason)
{
    for (size_t i = 0; i < M_COUNT; i++)
        g->out->values[i] = (fm_value){.kind = FM_VALUE_UNKNOWN};
    g->out->status = g->input->reply_status;
    g->out->reason = g->out->lost = fm_arena_strdup(g->arena, reason);
    return g->out->lost ? FM_OK : fm_fail(g->err, FM_E_NOMEM, "no memory for a reason");
}

/* What the answer is compared with, and the size of the picture that it speaks of. */
static fm_status open_region(grading *g, fm_err *why)
{
    const fm_sample *sample = g->input->sample;
    const fm_truth_region *truth = &sample->truth.region;
    fm_status st;

    if (g->region == REGION_MASK) {
        if (!sample->mask_path)
            return fm_fail(why, FM_E_INPUT, "the data names no mask");
        st = fm_raster_load_mask(sample->mask_path, g->mask, why);
        g->width = g->mask->width;
        g->height = g->mask->height;
    } else {
        if (g->region == REGION_POLYGON ? !truth->polygon : !truth->has_box)
            return fm_fail(why, FM_E_INPUT, "the data has no %s",
                           g->region == REGION_POLYGON ? "polygon" : "box");
        st = fm_grade_picture_size(sample, &g->width, &g->height, why);
        if (st == FM_E_INPUT && g->rules->as_written) {
            g->width = g->height = 1;
            st = FM_OK;
        }
    }
    if (g->rules->vga) {
        g->width = 640;
        g->height = 480;
    }
    return st;
}

/* Even-odd over the data's vertices; boxes among the points are not looked at. */
static fm_hits hits_in_polygon(const grading *g, const fm_points *points)
{
    const fm_truth_region *truth = &g->input->sample->truth.region;
    bool scaled = truth->normalised && !g->rules->as_written;
    double sx = scaled ? g->width : 1, sy = scaled ? g->height : 1;
    fm_hits hits = {0};

    for (size_t i = 0; i < points->n; i++) {
        const fm_point *p = &points->items[i];
        bool inside = !p->is_box && fm_point_in_polygon(p->x / sx, p->y / sy, truth->polygon[0],
                                                        truth->n_polygon);

        hits.n++;
        hits.inside += inside;
        if (i == 0)
            hits.first_hit = inside;
    }
    hits.any_hit = hits.inside > 0;
    hits.all_hit = hits.any_hit && hits.inside == hits.n;
    return hits;
}

static fm_hits hits_in_box(const grading *g, const fm_points *points)
{
    const fm_truth_region *truth = &g->input->sample->truth.region;
    bool scaled = truth->normalised && !g->rules->as_written;
    double sx = scaled ? g->width : 1, sy = scaled ? g->height : 1;
    const double box[4] = {truth->box[0] * sx, truth->box[1] * sy, truth->box[2] * sx,
                           truth->box[3] * sy};

    return fm_hits_in_box(points, box);
}

static bool is_counted(const grading *g)
{
    const char *category = g->input->sample->category;

    return category && strcmp(category, g->rules->counting) == 0;
}

static void put_hits(grading *g, const fm_hits *hits)
{
    const fm_truth_region *truth = &g->input->sample->truth.region;
    size_t objects = truth->expected ? truth->expected : 1;
    fm_value *v = g->out->values;

    v[M_SCORE] = fm_value_number(fm_hits_fraction(hits));
    v[M_FIRST] = fm_value_truth(hits->first_hit);
    v[M_ANY] = fm_value_truth(hits->any_hit);
    v[M_ALL] = fm_value_truth(hits->all_hit);
    if (truth->expected)
        v[M_COUNTED] = fm_value_truth(fm_hits_counted(hits, truth->expected));
    v[M_POINTS] = fm_value_number(hits->n);
    v[M_INSIDE] = fm_value_number(hits->inside);
    if (g->rules->counting[0])
        v[M_SUCCESS] =
            fm_value_truth(is_counted(g) ? fm_hits_counted(hits, objects) : hits->first_hit);
}

static void put_unread(grading *g, const char *reason, fm_unparsed counts_as)
{
    fm_grade_unread(g->input, reason, g->out);
    if (counts_as == FM_UNPARSED_ZERO)
        put_hits(g, &(fm_hits){0});
}

static fm_status judge(grading *g)
{
    fm_span reply = fm_grade_text(g->input, g->rules->part);
    fm_points points = {.kind = FM_POINTS_NONE};
    fm_status st = FM_OK;
    fm_hits hits;

    if (reply.text)
        st = fm_points_read(&g->rules->read, reply, g->width, g->height, g->arena, &points, g->err);
    if (st != FM_OK)
        return st;
    if (points.kind != FM_POINTS_FOUND) {
        bool raises = points.kind == FM_POINTS_RAISE;

        put_unread(g, raises ? points.raises : "no points",
                   raises ? g->rules->raises : g->rules->empty);
        return FM_OK;
    }
    if (g->region == REGION_MASK)
        hits = fm_hits_on_mask(&points, g->mask, (fm_mask_worth)g->rules->worth);
    else if (g->region == REGION_POLYGON)
        hits = hits_in_polygon(g, &points);
    else
        hits = hits_in_box(g, &points);
    g->out->status = FM_SAMPLE_OK;
    put_hits(g, &hits);
    return fm_grade_keep_points(&points, &g->rules->read, g->rules->as_written ? 1 : g->width,
                                g->rules->as_written ? 1 : g->height, g->arena, g->out, g->err);
}

static fm_status grade(void *scratch, const fm_grade_input *input, fm_arena *arena, fm_grade *out,
                       fm_err *err)
{
    const points_rules *rules = input->rules;
    fm_err why = {0};
    grading g = {.rules = rules,
                 .input = input,
                 .mask = scratch,
                 .arena = arena,
                 .out = out,
                 .err = err,
                 .region = region_of(rules, input->sample)};
    fm_status st = open_region(&g, &why);

    if (st == FM_E_NOMEM)
        return fm_fail(err, st, "%s", why.text);
    return st == FM_OK ? judge(&g) : lose(&g, why.text);
}

static size_t n_metrics(const points_rules *rules)
{
    if (rules->counting[0])
        return M_COUNT;
    return rules->primary == M_COUNTED ? M_COUNTED + 1 : M_COUNTED;
}

static fm_status configure(const char *text, const char *place, fm_arena *arena, fm_protocol *out,
                           fm_err *err)
{
    static const char *const names[] = {"extract", "space",      "order",   "pixel", "reply",
                                        "region",  "mask_value", "compare", "size",  "empty",
                                        "raises",  "counting",   "primary"};
    points_rules *kept = fm_arena_alloc(arena, 1, sizeof(*kept));

    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for a protocol");
    fm_status st = fm_rules_read(text, place, names, FM_COUNT_OF(names), read_rules, kept, err);
    if (st != FM_OK)
        return st;
    fm_protocol_fill(out, metrics, n_metrics(kept), kept->primary, kept->empty, kept);
    out->grade = grade;
    return FM_OK;
}

const fm_grader_ops fm_grader_points = {
    .name = "points",
    .summary = "points in a mask, a polygon or a box",
    .kind = FM_ANSWER_POINTS,
    .configure = configure,
};
