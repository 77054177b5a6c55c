/* The 300 traces of VABench-V that Embodied-R1's own scorer judged: RMSE and MAE of every row, and the
 * distances of the same traces. Skipped by name without the data. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/files.h"
#include "base/json.h"
#include "fathom/path.h"
#include "support/reference.h"

static double (*read_path(const cJSON *points, fm_arena *arena, size_t *n))[2]
{
    const cJSON *point;

    *n = 0;
    double(*path)[2] = fm_arena_alloc(arena, (size_t)cJSON_GetArraySize(points), sizeof(*path));
    cr_assert(path != NULL);
    cJSON_ArrayForEach(point, points) cr_assert(fm_json_vector(point, path[(*n)++], 2));
    return path;
}

static void near(const char *what, double got, double want, double tolerance)
{
    cr_expect(fabs(got - want) <= tolerance, "%s is %.12g, not %.12g", what, got, want);
}

typedef struct {
    size_t n;
    double rmse, mae;         /* by index, on the scale 0-999 */
    fm_path_score given, arc; /* sums, on the scale 0-1 */
} sums;

static void add(fm_path_score *sum, const fm_path_score *score)
{
    sum->dfd += score->dfd;
    sum->hd += score->hd;
    sum->rmse += score->rmse;
    sum->mae += score->mae;
}

static void judge(const cJSON *row, fm_arena *arena, sums *s)
{
    size_t n, m;
    double(*predicted)[2] = read_path(fm_json_get(row, "pred_traj"), arena, &n);
    double(*truth)[2] = read_path(fm_json_get(row, "ans_traj"), arena, &m);
    fm_path_score score;

    cr_assert(fm_path_measure(predicted[0], n, truth[0], m, FM_PATH_BY_INDEX, arena, &score,
                              NULL) == FM_OK);
    near("rmse", score.rmse, fm_json_number(row, "rmse", NAN), 1e-9);
    near("mae", score.mae, fm_json_number(row, "mae", NAN), 1e-9);
    s->rmse += score.rmse;
    s->mae += score.mae;

    fm_path_scale(predicted, n, 999, 999, 1);
    fm_path_scale(truth, m, 999, 999, 1);
    cr_assert(fm_path_measure(predicted[0], n, truth[0], m, FM_PATH_AS_GIVEN, arena, &score,
                              NULL) == FM_OK);
    cr_expect(score.hd <= score.dfd);
    add(&s->given, &score);
    cr_assert(fm_path_measure(predicted[0], n, truth[0], m, FM_PATH_BY_ARC, arena, &score, NULL) ==
              FM_OK);
    cr_expect(score.hd <= score.dfd);
    add(&s->arc, &score);
    s->n++;
}

Test(reference_paths, vabench_v_is_scored_as_embodied_r1_did)
{
    char path[4096];
    fm_arena arena = {0};
    fm_err err = {0};
    sums s = {0};
    fm_lines lines = {0};

    snprintf(path, sizeof(path), "%s/global_events.jsonl", reference_data("vabench-v"));
    cr_assert(fm_lines_open(&lines, path, 0, &err) == FM_OK, "%s", err.text);
    for (bool more; fm_lines_next(&lines, &more, &err) == FM_OK && more;) {
        cJSON *row;

        cr_assert(fm_json_parse(lines.line, lines.size, "row", &row, &err) == FM_OK, "%s",
                  err.text);
        judge(row, &arena, &s);
        cJSON_Delete(row);
        fm_arena_reset(&arena);
    }
    fm_lines_close(&lines);
    cr_assert(s.n == 300, "%zu rows", s.n);
    double n = (double)s.n;
    near("mean rmse", s.rmse / n, 71.4719, 5e-5);
    near("mean mae", s.mae / n, 39.7853, 5e-5);
    near("mean dfd", s.given.dfd / n, .101390, 5e-7);
    near("mean hd", s.given.hd / n, .096337, 5e-7);
    near("mean rmse of the given points", s.given.rmse / n, .071543, 5e-7);
    near("mean dfd over arcs", s.arc.dfd / n, .099177, 5e-7);
    near("mean hd over arcs", s.arc.hd / n, .094067, 5e-7);
    near("mean rmse over arcs", s.arc.rmse / n, .068285, 5e-7);
    fm_arena_release(&arena);
}
