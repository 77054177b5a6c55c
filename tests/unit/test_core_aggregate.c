/* Aggregates with and without repeats: denominators, methods, and that repeats of one answer say no
 * more than the answer. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "core/aggregate.h"

static const fm_metric metrics[] = {
    {.name = "hit", .unit = "", .role = FM_METRIC_RATE, .over = FM_OVER_ALL, .better = 1},
    {.name = "all", .unit = "", .role = FM_METRIC_RATE, .over = FM_OVER_PRESENT, .better = 1},
    {.name = "far", .unit = "m", .role = FM_METRIC_MEAN, .over = FM_OVER_PRESENT, .better = -1},
    {.name = "note", .unit = "", .role = FM_METRIC_DETAIL},
};

static const fm_protocol protocol = {
    .name = "made", .primary = "hit", .metrics = metrics, .n_metrics = 4};

static fm_grade grade_of(bool hit, double far)
{
    fm_grade grade = {.status = FM_SAMPLE_OK};

    grade.values[0] = (fm_value){.kind = FM_VALUE_BOOL, .truth = hit};
    grade.values[1] = (fm_value){.kind = FM_VALUE_BOOL, .truth = true};
    grade.values[2] = (fm_value){.kind = FM_VALUE_NUMBER, .number = far};
    return grade;
}

static fm_grade lost(void)
{
    return (fm_grade){.status = FM_SAMPLE_TIMEOUT};
}

static void add(fm_aggregate *aggregate, fm_grade grade, int repeat)
{
    const fm_sample sample = {.id = "s"};

    cr_assert(eq(int, fm_aggregate_add(aggregate, &sample, &grade, repeat, NULL), FM_OK));
}

/* The results as a tree, from which a member is one call away. */
static cJSON *results_of(const fm_aggregate *aggregate, int jobs)
{
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};
    cJSON *tree = NULL;

    fm_json_open(&w, NULL, '{');
    cr_assert(eq(int, fm_aggregate_put(aggregate, jobs, &w, NULL), FM_OK));
    fm_json_close(&w, '}');
    cr_assert(eq(int, fm_json_parse(text.data, text.size, "results", &tree, NULL), FM_OK));
    fm_buf_release(&text);
    return tree;
}

static double member(const cJSON *results, const char *metric, const char *key)
{
    return fm_json_number(fm_json_get(fm_json_get(results, "aggregates"), metric), key, NAN);
}

static char *method(const cJSON *results, const char *metric)
{
    return (char *)fm_json_string(fm_json_get(fm_json_get(results, "aggregates"), metric),
                                  "ci_method");
}

Test(aggregate, without_repeats_nothing_speaks_of_them)
{
    fm_aggregate *a = fm_aggregate_new(&protocol, 1);

    for (int i = 0; i < 20; i++)
        add(a, grade_of(i % 2, i), 1);
    add(a, lost(), 1);
    cJSON *r = results_of(a, 2);
    cr_assert(eq(dbl, fm_json_number(r, "n", 0), 21));
    cr_assert(fm_json_get(r, "repeats") == NULL);
    cr_assert(isnan(member(r, "far", "sd_within")));
    cr_assert(eq(dbl, member(r, "hit", "denominator"), 21));
    cr_assert(eq(dbl, member(r, "all", "denominator"), 20));
    cr_assert(eq(dbl, member(r, "far", "value"), 9.5));
    cr_assert(eq(str, method(r, "hit"), (char *)"wilson"));
    cr_assert(eq(str, method(r, "far"), (char *)"bootstrap-percentile"));
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

Test(aggregate, repeats_count_as_askings_of_their_sample)
{
    fm_aggregate *a = fm_aggregate_new(&protocol, 3);

    for (int i = 0; i < 20; i++) {
        add(a, grade_of(true, i), 1);
        add(a, grade_of(i % 2, i + 3), 2);
        add(a, i == 7 ? lost() : grade_of(false, i), 3);
    }
    cJSON *r = results_of(a, 1);
    cr_assert(eq(dbl, fm_json_number(r, "n", 0), 60));
    cr_assert(eq(dbl, fm_json_number(r, "samples", 0), 20));
    cr_assert(eq(dbl, fm_json_number(r, "repeats", 0), 3));
    cr_assert(eq(dbl, member(r, "hit", "value"), 30.0 / 60));
    cr_assert(eq(dbl, member(r, "hit", "denominator"), 60)); /* a lost asking is a failure */
    cr_assert(eq(dbl, member(r, "far", "denominator"), 59));
    cr_assert(eq(dbl, member(r, "far", "excluded"), 1));
    cr_assert(eq(dbl, member(r, "far", "samples"), 20));
    cr_assert(eq(dbl, member(r, "far", "value"), (3 * 190 + 60 - 7) / 59.0));
    cr_assert(eq(str, method(r, "hit"), (char *)"bootstrap-cluster"));
    cr_assert(eq(str, method(r, "all"), (char *)"wilson-cluster"));
    cr_assert(eq(str, method(r, "far"), (char *)"bootstrap-cluster"));
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

Test(aggregate, equal_repeats_say_no_more_than_one_asking)
{
    fm_aggregate *once = fm_aggregate_new(&protocol, 1), *four = fm_aggregate_new(&protocol, 4);

    for (int i = 0; i < 50; i++) {
        add(once, grade_of(i % 3, i * i), 1);
        for (int k = 1; k <= 4; k++)
            add(four, grade_of(i % 3, i * i), k);
    }
    cJSON *a = results_of(once, 1), *b = results_of(four, 2);
    cr_assert(eq(dbl, member(a, "far", "ci_low"), member(b, "far", "ci_low")));
    cr_assert(eq(dbl, member(a, "far", "ci_high"), member(b, "far", "ci_high")));
    cr_assert(eq(dbl, member(a, "all", "ci_low"), member(b, "all", "ci_low")));
    cr_assert(eq(dbl, member(b, "far", "sd_within"), 0));
    cJSON_Delete(a);
    cJSON_Delete(b);
    fm_aggregate_free(once);
    fm_aggregate_free(four);
}

/* Items of standard deviation 3, noise of 1, four askings each. */
Test(aggregate, spread_is_told_apart_into_items_and_noise)
{
    fm_aggregate *a = fm_aggregate_new(&protocol, 4);
    fm_rng rng;

    fm_rng_seed(&rng, 4);
    for (int i = 0; i < 2000; i++) {
        double item = 10 + 3 * fm_rng_normal(&rng);

        for (int k = 1; k <= 4; k++)
            add(a, grade_of(true, item + fm_rng_normal(&rng)), k);
    }
    cJSON *r = results_of(a, 1);
    double width = member(r, "far", "ci_high") - member(r, "far", "ci_low");
    cr_assert(lt(dbl, fabs(member(r, "far", "sd_within") - 1), 0.05));
    cr_assert(lt(dbl, fabs(member(r, "far", "sd_between") - 3), 0.15));
    /* sqrt((9 + 1 / 4) / 2000), twice 1.96 of it */
    cr_assert(lt(dbl, fabs(width - 0.2666), 0.02));
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

/* ---- categories and sources ---- */

static fm_protocol pooled_protocol(fm_pool pool)
{
    fm_protocol p = protocol;

    p.pool = pool;
    return p;
}

static void add_of(fm_aggregate *aggregate, const char *category, const char *source, bool hit,
                   int n)
{
    const fm_sample sample = {.id = "s", .category = category, .source = source};
    fm_grade grade = grade_of(hit, hit);

    for (int i = 0; i < n; i++)
        cr_assert(eq(int, fm_aggregate_add(aggregate, &sample, &grade, 1, NULL), FM_OK));
}

static double of_group(const cJSON *results, const char *by, const char *group, const char *metric,
                       const char *key)
{
    const cJSON *item = fm_json_get(fm_json_get(results, by), group);

    return fm_json_number(metric ? fm_json_get(item, metric) : item, key, NAN);
}

Test(aggregate, samples_without_a_category_have_no_breakdown)
{
    fm_aggregate *a = fm_aggregate_new(&protocol, 1);

    add(a, grade_of(true, 1), 1);
    cJSON *r = results_of(a, 1);
    cr_assert(fm_json_get(r, "by_category") == NULL);
    cr_assert(fm_json_get(r, "headline") == NULL);
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

Test(aggregate, micro_protocols_show_their_categories)
{
    fm_aggregate *a = fm_aggregate_new(&protocol, 1);

    add_of(a, "depth", NULL, true, 3);
    add_of(a, "depth", NULL, false, 1);
    add_of(a, "count", NULL, false, 2);
    cJSON *r = results_of(a, 1);
    cr_assert(eq(dbl, of_group(r, "by_category", "depth", NULL, "n"), 4));
    cr_assert(eq(dbl, of_group(r, "by_category", "depth", "hit", "value"), 0.75));
    cr_assert(eq(dbl, of_group(r, "by_category", "depth", "far", "numerator"), 3));
    cr_assert(eq(dbl, of_group(r, "by_category", "count", "hit", "value"), 0));
    cr_assert(fm_json_get(r, "by_source") == NULL);
    cr_assert(fm_json_get(r, "headline") == NULL);
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

/* 9 of 10 and 1 of 2: (0.9 + 0.5) / 2, where over all samples it is 10 of 12. */
Test(aggregate, macro_weighs_every_category_alike)
{
    fm_protocol macro = pooled_protocol(FM_POOL_MACRO);
    fm_aggregate *a = fm_aggregate_new(&macro, 1);

    add_of(a, "depth", NULL, true, 9);
    add_of(a, "depth", NULL, false, 1);
    add_of(a, "count", NULL, true, 1);
    add_of(a, "count", NULL, false, 1);
    cJSON *r = results_of(a, 1);
    cr_assert(eq(str, (char *)fm_json_string(r, "headline"), "hit_macro"));
    cr_assert(ieee_ulp_eq(dbl, member(r, "hit_macro", "value"), 0.7, 4));
    cr_assert(ieee_ulp_eq(dbl, member(r, "hit", "value"), 10.0 / 12, 4));
    cr_assert(eq(dbl, member(r, "hit_macro", "groups"), 2));
    /* With one right and one wrong more in each, 10 of 12 and 2 of 4: 2/3 -+ z sqrt(5/36/12 + 1/4/4) / 2. */
    double reach = 1.9599639845400545 / 2 * sqrt(5.0 / 432 + 1.0 / 16);
    cr_assert(eq(str, method(r, "hit_macro"), "price-bonett"));
    cr_assert(epsilon_eq(dbl, member(r, "hit_macro", "ci_low"), 2.0 / 3 - reach, 1e-12));
    cr_assert(epsilon_eq(dbl, member(r, "hit_macro", "ci_high"), 2.0 / 3 + reach, 1e-12));
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

/* Equal samples of a group leave a bootstrap nothing to vary: it would claim [1, 1], and [0.5, 0.5]. */
Test(aggregate, groups_that_are_all_right_or_all_wrong_are_not_known_exactly)
{
    fm_protocol macro = pooled_protocol(FM_POOL_MACRO);
    fm_aggregate *perfect = fm_aggregate_new(&macro, 1), *half = fm_aggregate_new(&macro, 1);

    add_of(perfect, "depth", NULL, true, 10);
    add_of(perfect, "count", NULL, true, 10);
    add_of(half, "depth", NULL, true, 10);
    add_of(half, "count", NULL, false, 10);
    cJSON *a = results_of(perfect, 1), *b = results_of(half, 1);
    /* 11 of 12 twice; 11 of 12 and 1 of 12. */
    double reach = 1.9599639845400545 / 2 * sqrt(2 * (11.0 / 144) / 12);
    cr_assert(eq(dbl, member(a, "hit_macro", "value"), 1));
    cr_assert(epsilon_eq(dbl, member(a, "hit_macro", "ci_low"), 11.0 / 12 - reach, 1e-12));
    cr_assert(eq(dbl, member(a, "hit_macro", "ci_high"), 1));
    cr_assert(epsilon_eq(dbl, member(b, "hit_macro", "ci_low"), 0.5 - reach, 1e-12));
    cr_assert(epsilon_eq(dbl, member(b, "hit_macro", "ci_high"), 0.5 + reach, 1e-12));
    cJSON_Delete(a);
    cJSON_Delete(b);
    fm_aggregate_free(perfect);
    fm_aggregate_free(half);
}

static void add_asking(fm_aggregate *aggregate, const char *category, bool hit, int repeat)
{
    const fm_sample sample = {.id = "s", .category = category};
    fm_grade grade = grade_of(hit, hit);

    cr_assert(eq(int, fm_aggregate_add(aggregate, &sample, &grade, repeat, NULL), FM_OK));
}

/* Two askings of one outcome are one trial; of different ones they are none, and are resampled. */
Test(aggregate, groups_of_repeats_are_trials_while_askings_agree)
{
    fm_protocol macro = pooled_protocol(FM_POOL_MACRO);
    fm_aggregate *once = fm_aggregate_new(&macro, 1), *agree = fm_aggregate_new(&macro, 2),
                 *differ = fm_aggregate_new(&macro, 2);

    for (int i = 0; i < 12; i++) {
        const char *category = i % 2 ? "depth" : "count";

        add_of(once, category, NULL, i % 2, 1);
        for (int k = 1; k <= 2; k++) {
            add_asking(agree, category, i % 2, k);
            add_asking(differ, category, i < 4 ? k == 1 : i % 2, k);
        }
    }
    cJSON *a = results_of(once, 1), *b = results_of(agree, 1), *c = results_of(differ, 1);
    cr_assert(eq(str, method(b, "hit_macro"), "price-bonett"));
    cr_assert(eq(dbl, member(a, "hit_macro", "ci_low"), member(b, "hit_macro", "ci_low")));
    cr_assert(eq(dbl, member(a, "hit_macro", "ci_high"), member(b, "hit_macro", "ci_high")));
    cr_assert(eq(str, method(c, "hit_macro"), "bootstrap-stratified"));
    cJSON_Delete(a);
    cJSON_Delete(b);
    cJSON_Delete(c);
    fm_aggregate_free(once);
    fm_aggregate_free(agree);
    fm_aggregate_free(differ);
}

/* 9 of 10 and 1 of 2, as numbers: with two samples "count" is 0, 0.5 or 1, so from about 0.4 to 1. */
Test(aggregate, a_mean_of_means_is_resampled_within_its_groups)
{
    fm_protocol macro = pooled_protocol(FM_POOL_MACRO);

    macro.primary = "far";
    fm_aggregate *a = fm_aggregate_new(&macro, 1);
    add_of(a, "depth", NULL, true, 9);
    add_of(a, "depth", NULL, false, 1);
    add_of(a, "count", NULL, true, 1);
    add_of(a, "count", NULL, false, 1);
    cJSON *r = results_of(a, 1);
    cr_assert(eq(str, method(r, "far_macro"), "bootstrap-stratified"));
    cr_assert(member(r, "far_macro", "ci_low") > 0.34 && member(r, "far_macro", "ci_low") < 0.46);
    cr_assert(member(r, "far_macro", "ci_high") > 0.94 && member(r, "far_macro", "ci_high") <= 1);
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

/* CV-Bench: 2D is the mean of ADE20K (1 of 4) and COCO (3 of 4), 3D is Omni3D (1 of 1). */
Test(aggregate, sources_are_weighed_within_their_category)
{
    fm_protocol by_source = pooled_protocol(FM_POOL_SOURCE);
    fm_aggregate *a = fm_aggregate_new(&by_source, 1);

    add_of(a, "2D", "ADE20K", true, 1);
    add_of(a, "2D", "ADE20K", false, 3);
    add_of(a, "2D", "COCO", true, 3);
    add_of(a, "2D", "COCO", false, 1);
    add_of(a, "3D", "Omni3D", true, 1);
    cJSON *r = results_of(a, 1);
    cr_assert(eq(str, (char *)fm_json_string(r, "headline"), "hit_source"));
    cr_assert(ieee_ulp_eq(dbl, member(r, "hit_source", "value"), 0.75, 4));
    cr_assert(eq(dbl, of_group(r, "by_source", "COCO", "hit", "value"), 0.75));
    cr_assert(eq(dbl, of_group(r, "by_category", "2D", "hit", "value"), 0.5));
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

/* Embodied-R1: 3 of 4 points and 0 of 1 are 3 of 5; an answer without points weighs nothing. */
Test(aggregate, points_weigh_alike_whoever_gave_them)
{
    static const fm_metric pointing[] = {
        {"score", "", FM_METRIC_MEAN, FM_OVER_PRESENT, 1, ""},
        {"points", "", FM_METRIC_MEAN, FM_OVER_PRESENT, 0, ""},
    };
    const fm_protocol p = {.name = "p",
                           .primary = "score",
                           .metrics = pointing,
                           .n_metrics = 2,
                           .pool = FM_POOL_POINTS};
    const double answers[][2] = {{0.75, 4}, {0, 1}, {0, 0}};
    const fm_sample samples[] = {{.id = "a", .category = "x"}, {.id = "b", .category = "y"}};
    fm_aggregate *a = fm_aggregate_new(&p, 1), *none = fm_aggregate_new(&p, 1);

    for (size_t i = 0; i < 3; i++) {
        fm_grade grade = {.values = {{.kind = FM_VALUE_NUMBER, .number = answers[i][0]},
                                     {.kind = FM_VALUE_NUMBER, .number = answers[i][1]}}};

        cr_assert(eq(int, fm_aggregate_add(a, &samples[i % 2], &grade, 1, NULL), FM_OK));
        if (i == 2)
            cr_assert(eq(int, fm_aggregate_add(none, &samples[0], &grade, 1, NULL), FM_OK));
    }
    cJSON *r = results_of(a, 1), *empty = results_of(none, 1);
    cr_assert(eq(str, (char *)fm_json_string(r, "headline"), "score_points"));
    cr_assert(eq(dbl, member(r, "score_points", "value"), 0.6));
    cr_assert(eq(dbl, member(r, "score_points", "points"), 5));
    cr_assert(eq(dbl, member(r, "score_points", "denominator"), 3));
    cr_assert(eq(str, method(r, "score_points"), "bootstrap-percentile"));
    cr_assert(eq(dbl, member(r, "score_points", "ci_low"), 0));
    cr_assert(eq(dbl, member(r, "score_points", "ci_high"), 0.75));
    cr_assert(eq(dbl, member(empty, "score_points", "value"), 0));
    cJSON_Delete(r);
    cJSON_Delete(empty);
    fm_aggregate_free(a);
    fm_aggregate_free(none);
}

/* A stratified mean of large groups: the normal interval, by hand for two of p = 1/2. */
Test(aggregate, many_samples_get_the_normal_interval)
{
    fm_protocol macro = pooled_protocol(FM_POOL_MACRO);

    macro.primary = "far";
    fm_aggregate *a = fm_aggregate_new(&macro, 1);
    add_of(a, "depth", NULL, true, 5000);
    add_of(a, "depth", NULL, false, 5000);
    add_of(a, "count", NULL, true, 50);
    add_of(a, "count", NULL, false, 50);
    cJSON *r = results_of(a, 1);
    double se = sqrt(0.25 * 0.25 / 10000 + 0.25 * 0.25 / 100);
    cr_assert(eq(str, method(r, "far_macro"), "normal-stratified"));
    cr_assert(epsilon_eq(dbl, member(r, "far_macro", "ci_high"), 0.5 + 1.959964 * se, 1e-7));
    cJSON_Delete(r);
    fm_aggregate_free(a);
}

Test(aggregate, too_many_categories_are_no_breakdown_and_no_pool)
{
    fm_protocol macro = pooled_protocol(FM_POOL_MACRO);
    fm_aggregate *micro = fm_aggregate_new(&protocol, 1), *a = fm_aggregate_new(&macro, 1);
    fm_grade grade = grade_of(true, 1);
    char name[16];

    for (int i = 0; i < 65; i++) {
        const fm_sample sample = {.id = "s", .category = name};

        snprintf(name, sizeof(name), "c%d", i);
        cr_assert(eq(int, fm_aggregate_add(micro, &sample, &grade, 1, NULL), FM_OK));
        cr_assert(
            eq(int, fm_aggregate_add(a, &sample, &grade, 1, NULL), i < 64 ? FM_OK : FM_E_INPUT));
    }
    cJSON *r = results_of(micro, 1);
    cr_assert(fm_json_get(r, "by_category") == NULL);
    cJSON_Delete(r);
    fm_aggregate_free(micro);
    fm_aggregate_free(a);
}

/* ---- copies ---- */

static void add_copy(fm_aggregate *aggregate, const char *id, const char *category, bool hit,
                     int repeat)
{
    const fm_sample sample = {.id = id, .category = category};
    fm_grade grade = grade_of(hit, hit);

    cr_assert(eq(int, fm_aggregate_add(aggregate, &sample, &grade, repeat, NULL), FM_OK));
}

static fm_protocol copies_of(const char *ending)
{
    fm_protocol p = pooled_protocol(FM_POOL_COPIES);

    p.copies = ending;
    return p;
}

/* Of three questions the second fails in one copy, which comes behind other questions. */
Test(aggregate, a_question_is_right_where_every_copy_is)
{
    static const struct {
        const char *ending;
        double right, of;
    } rows[] = {{"-[0-9]", 2, 4}, {"-*", 1, 3}, {"-flip*", 4, 5}};

    for (int i = 0; i < 3; i++) {
        fm_protocol p = copies_of(rows[i].ending);
        fm_aggregate *a = fm_aggregate_new(&p, 1);

        add_copy(a, "one", "near", true, 1);
        add_copy(a, "one-1", "near", true, 1);
        add_copy(a, "two", "near", true, 1);
        add_copy(a, "two-flip", "near", false, 1);
        add_copy(a, "three", "far", true, 1);
        add_copy(a, "two-flip-1", "near", true, 1);
        add_copy(a, "three-1", "far", i == 2, 1);
        cJSON *r = results_of(a, 1);
        cr_expect(eq(str, (char *)fm_json_string(r, "headline"), "hit_copies"));
        cr_expect(eq(dbl, member(r, "hit_copies", "numerator"), rows[i].right), "%s",
                  rows[i].ending);
        cr_expect(eq(dbl, member(r, "hit_copies", "denominator"), rows[i].of), "%s",
                  rows[i].ending);
        cr_expect(eq(str, method(r, "hit_copies"), "wilson"));
        cr_expect(eq(dbl, of_group(r, "by_category", "far", "hit_copies", "value"), i == 2));
        cJSON_Delete(r);
        fm_aggregate_free(a);
    }
}

/* A copy that is wrong once does not spoil the question's other askings. */
Test(aggregate, every_asking_of_the_copies_counts_by_itself)
{
    fm_protocol p = copies_of("-[0-9]");
    fm_aggregate *a = fm_aggregate_new(&p, 2);

    add_copy(a, "one", NULL, true, 1);
    add_copy(a, "one#2", NULL, true, 2);
    add_copy(a, "one-1", NULL, true, 1);
    add_copy(a, "one-1#2", NULL, false, 2);
    add_copy(a, "two", NULL, true, 1);
    add_copy(a, "two#2", NULL, true, 2);
    cJSON *r = results_of(a, 1);
    cr_expect(eq(dbl, member(r, "hit_copies", "numerator"), 3));
    cr_expect(eq(dbl, member(r, "hit_copies", "denominator"), 4));
    cr_expect(eq(str, method(r, "hit_copies"), "bootstrap-cluster"));
    cJSON_Delete(r);
    fm_aggregate_free(a);
}
