/* Owns how an answer of each kind is written, and where a point lies that is surely inside a region or
 * surely outside. */
#include "adapters/baseline_answers.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "fathom/pointing.h"
#include "fathom/raster.h"
#include "fathom/answers.h"

enum {
    GRID = 256, /* cells a side in which a region without pixels is looked at */
    MOST_POINTS = 256,
};

/* What is asked for; the picture's size and its mask are there where the form needs them. */
typedef struct {
    const fm_sample *sample;
    bool wrong;
    int width, height;
    fm_raster mask;
    fm_buf *out;
    const char *missing;
} writing;

/* ---- points ---- */

static bool is_inside(const writing *w, double x, double y)
{
    const fm_truth_region *r = &w->sample->truth.region;
    double sx = r->normalised ? 1 : w->width, sy = r->normalised ? 1 : w->height;

    if (w->mask.data) {
        size_t column = (size_t)(x * w->mask.width), row = (size_t)(y * w->mask.height);

        return ((const unsigned char *)w->mask.data)[row * (size_t)w->mask.width + column] > 127;
    }
    if (r->has_box)
        return x * sx >= r->box[0] && x * sx <= r->box[2] && y * sy >= r->box[1] &&
               y * sy <= r->box[3];
    return fm_point_in_polygon(x * sx, y * sy, &r->polygon[0][0], r->n_polygon);
}

/* The middle of the longest row of cells that are inside, or outside, in parts of the picture. */
static bool find_point(const writing *w, double out[2])
{
    int columns = w->mask.data ? w->mask.width : GRID, rows = w->mask.data ? w->mask.height : GRID;
    int longest = 0;

    for (int y = 0; y < rows; y++) {
        for (int x = 0, run = 0; x < columns; x++) {
            double at_y = (y + 0.5) / rows;

            run = is_inside(w, (x + 0.5) / columns, at_y) != w->wrong ? run + 1 : 0;
            if (run > longest) {
                longest = run;
                out[0] = (x + 1 - run / 2.0) / columns;
                out[1] = at_y;
            }
        }
    }
    return longest > 0;
}

/* A box may be smaller than a cell; its middle is inside whatever its size. */
static bool point_of(const writing *w, double out[2])
{
    const fm_truth_region *r = &w->sample->truth.region;

    if (w->wrong || w->mask.data || !r->has_box)
        return find_point(w, out);
    out[0] = (r->box[0] + r->box[2]) / 2 / (r->normalised ? 1 : w->width);
    out[1] = (r->box[1] + r->box[3]) / 2 / (r->normalised ? 1 : w->height);
    return true;
}

/* How a list of points is written. */
typedef struct {
    const char *name;
    double side; /* x and y count from 0 to this; 0: pixels */
    int decimals;
    bool yx;
    const char *begin, *before, *between, *after, *separator, *end;
} layout;

static const layout layouts[] = {
    {"points_n1", 1, 4, false, "[", "(", ", ", ")", ", ", "]"},
    {"points_n1000", 1000, 0, false, "[", "(", ", ", ")", ", ", "]"},
    {"points_px", 0, 0, false, "[", "(", ", ", ")", ", ", "]"},
    {"point_tag", 0, 0, false, "<answer><point>[", "[", ", ", "]", ", ", "]</point></answer>"},
    {"json_px", 0, 0, false, "```json\n[", "{\"point\": [", ", ", "]}", ", ", "]\n```"},
    {"json_yx1000", 1000, 0, true, "```json\n[", "{\"point\": [", ", ", "]}", ", ", "]\n```"},
    {"json_xy1000", 1000, 0, false, "```json\n[", "{\"point_2d\": [", ", ", "]}", ", ", "]\n```"},
    {"xml_n100", 100, 2, false, "", "<point x1=\"", "\" y1=\"", "\"/>", " ", ""},
};

static const layout *layout_of(const char *form)
{
    size_t i = 0;

    while (i + 1 < FM_COUNT_OF(layouts) && strcmp(layouts[i].name, form) != 0)
        i++;
    return &layouts[i];
}

/* Points in parts of the picture, in the numbers of the form. */
static void put_points(const writing *w, const char *form, double (*points)[2], size_t n)
{
    const layout *l = layout_of(form);

    fm_buf_puts(w->out, l->begin);
    for (size_t i = 0; i < n; i++) {
        double x = l->side > 0 ? points[i][0] * l->side : floor(points[i][0] * w->width);
        double y = l->side > 0 ? points[i][1] * l->side : floor(points[i][1] * w->height);

        fm_buf_printf(w->out, "%s%s%.*f%s%.*f%s", i ? l->separator : "", l->before, l->decimals,
                      l->yx ? y : x, l->between, l->decimals, l->yx ? x : y, l->after);
    }
    fm_buf_puts(w->out, l->end);
}

static void put_region(writing *w, const char *form)
{
    size_t n = w->sample->truth.region.expected;
    double at[MOST_POINTS][2];

    n = n == 0 ? 1 : n > MOST_POINTS ? MOST_POINTS : n;
    if (!point_of(w, at[0])) {
        w->missing = "no point of the picture would do";
        return;
    }
    for (size_t i = 1; i < n; i++)
        memcpy(at[i], at[0], sizeof(at[0]));
    put_points(w, form, at, n);
}

/* Wrong: two points in the corner that lies farthest from where the path begins. */
static void put_path(writing *w, const char *form)
{
    const fm_truth_path *path = &w->sample->truth.path;
    double corner[2][2], at[MOST_POINTS][2];

    if (path->n == 0 || path->n > MOST_POINTS) {
        w->missing = path->n ? "the true path is too long" : "the sample has no true path";
        return;
    }
    for (int i = 0; i < 2; i++) {
        corner[i][0] = path->points[0][0] * 2 > w->width ? 0 : 0.999;
        corner[i][1] = path->points[0][1] * 2 > w->height ? 0 : 0.999;
    }
    if (w->wrong) {
        put_points(w, form, corner, 2);
        return;
    }
    for (size_t i = 0; i < path->n; i++) {
        at[i][0] = (path->points[i][0] + 1e-9) / w->width;
        at[i][1] = (path->points[i][1] + 1e-9) / w->height;
    }
    put_points(w, form, at, path->n);
}

/* ---- words and numbers ---- */

static void put_choice(writing *w, const char *form)
{
    const fm_truth_choice *c = &w->sample->truth.choice;
    size_t index = w->wrong ? (c->index + 1) % c->n : c->index;

    bool tag = strstr(form, "_tag") != NULL;

    fm_buf_puts(w->out, tag ? "<answer>" : "");
    if (strncmp(form, "text", 4) == 0)
        fm_buf_puts(w->out, c->options[index]);
    else
        fm_buf_printf(w->out, strcmp(form, "bare") == 0 ? "%c" : "(%c)", (int)('A' + index));
    fm_buf_puts(w->out, tag ? "</answer>" : "");
}

static void put_yesno(writing *w, const char *form)
{
    (void)form;
    fm_buf_puts(w->out, w->sample->truth.yesno.yes != w->wrong ? "yes" : "no");
}

/* Wrong: beyond every ratio that a protocol lets pass; of the hours of a clock, the opposite one. */
static double false_value(const fm_truth_quantity *q, double value)
{
    if (strcmp(q->unit, "clock") == 0)
        return fmod(value + 5, 12) + 1;
    return value * 100 + 100;
}

static void put_quantity(writing *w, const char *form)
{
    const fm_truth_quantity *q = &w->sample->truth.quantity;
    bool tagged = strcmp(form, "scalar_unit") == 0;
    bool clock = strcmp(q->unit, "clock") == 0, count = strcmp(q->unit, "count") == 0;
    const char *unit = clock ? "o'clock" : count ? "" : q->unit;

    if (q->n == 0)
        w->missing = "the data's words hold no number";
    for (size_t i = 0; i < q->n; i++) {
        double value = w->wrong ? false_value(q, q->values[i]) : q->values[i];

        fm_buf_puts(w->out, i ? ", " : "");
        if (tagged)
            fm_buf_printf(w->out, "\\scalar{%.9g} \\distance_unit{%s}", value, q->unit);
        else
            fm_buf_printf(w->out, "%.9g%s%s", value, count ? "" : " ", unit);
    }
}

static void put_text(writing *w, const char *form)
{
    (void)form;
    fm_buf_puts(w->out, w->wrong ? "something else" : w->sample->truth.text.reference);
}

/* ---- forms ---- */

static const struct {
    fm_answer_kind kind;
    const char *names[8]; /* the first is the default */
    void (*put)(writing *w, const char *form);
} forms[] = {
    {FM_ANSWER_CHOICE, {"letter", "text", "letter_tag", "text_tag", "bare"}, put_choice},
    {FM_ANSWER_YESNO, {"word"}, put_yesno},
    {FM_ANSWER_QUANTITY, {"length", "scalar_unit"}, put_quantity},
    {FM_ANSWER_POINTS,
     {"points_n1", "points_n1000", "points_px", "point_tag", "json_px", "json_yx1000",
      "json_xy1000", "xml_n100"},
     put_region},
    {FM_ANSWER_PATH2D, {"points_px", "points_n1", "points_n1000", "point_tag"}, put_path},
    {FM_ANSWER_TEXT, {"words"}, put_text},
};

static bool of_traces(const char *form)
{
    fm_answers_family family;

    return !form || fm_answers_family_from_name(form, &family);
}

static size_t place_of(fm_answer_kind kind)
{
    size_t place = 0;

    while (place < FM_COUNT_OF(forms) && forms[place].kind != kind)
        place++;
    return place;
}

const char *fm_baseline_form(fm_answer_kind kind, const char *form)
{
    size_t place = place_of(kind);
    const char *const *names = place < FM_COUNT_OF(forms) ? forms[place].names : NULL;

    if (names && of_traces(form))
        return names[0];
    for (size_t i = 0; names && i < FM_COUNT_OF(forms[0].names) && names[i]; i++)
        if (strcmp(names[i], form) == 0)
            return names[i];
    return NULL;
}

/* The mask of a region that is one, and the size of the picture. */
static fm_status look(writing *w, fm_err *err)
{
    const fm_sample *s = w->sample;
    const fm_truth_region *r = &s->truth.region;
    bool masked = s->kind == FM_ANSWER_POINTS && !r->has_box && !r->polygon;
    fm_raster_info info = {.width = s->width, .height = s->height};
    fm_status st = FM_OK;

    if (s->kind != FM_ANSWER_POINTS && s->kind != FM_ANSWER_PATH2D)
        return FM_OK;
    if (masked && !s->mask_path)
        w->missing = "the sample has no mask";
    else if (masked)
        st = fm_raster_load_mask(s->mask_path, &w->mask, err);
    if (st == FM_OK && info.width == 0 && s->image_path)
        st = fm_raster_probe(s->image_path, &info, err);
    if (st != FM_OK && st != FM_E_NOMEM) {
        w->missing = "a picture of the sample cannot be read";
        return FM_OK;
    }
    w->width = info.width ? info.width : w->mask.width;
    w->height = info.height ? info.height : w->mask.height;
    if (st == FM_OK && !w->missing && w->width == 0)
        w->missing = "the size of the sample's picture is not known";
    return st;
}

fm_status fm_baseline_answer(const fm_sample *sample, const char *form, bool wrong, fm_buf *out,
                             const char **missing, fm_err *err)
{
    writing w = {.sample = sample, .wrong = wrong, .out = out};
    size_t place = place_of(sample->kind);

    if (place == FM_COUNT_OF(forms))
        return fm_fail(err, FM_E_INTERNAL, "a baseline has no rule for %s answers",
                       fm_answer_kind_name(sample->kind));
    const char *known = fm_baseline_form(sample->kind, form);
    if (!known)
        return fm_fail(err, FM_E_USAGE, "baselines cannot write %s answers in the form '%s'",
                       fm_answer_kind_name(sample->kind), form);
    fm_status st = look(&w, err);
    if (st == FM_OK && !w.missing)
        forms[place].put(&w, known);
    fm_raster_release(&w.mask);
    *missing = w.missing;
    return st;
}
