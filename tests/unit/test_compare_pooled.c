/* What a pair contributes to the difference of pooled headlines, held against values worked by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "core/compare_pooled.h"
#include "fathom/paired.h"

static const double tiny = 1e-12;

/* n right or wrong pairs of one weight, in groups. */
static void set_pairs(fm_headline_pair *pairs, const uint32_t *groups, const double *base,
                      const double *candidate, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pairs[i] = (fm_headline_pair){.group = groups[i],
                                      .base = base[i],
                                      .base_weight = 1,
                                      .candidate = candidate[i],
                                      .candidate_weight = 1};
}

/* Four of category A, two of B: 1/4 and 1 become 2/4 and 1/2. The variance of the difference is
 * (s_A^2/4 + s_B^2/2) / 4 with s_A^2 = 1/4 and s_B^2 = 1/2. */
Test(compare_pooled, categories_weigh_the_same)
{
    static const uint32_t groups[] = {0, 1, 0, 0, 1, 0};
    static const double before[] = {1, 1, 0, 0, 1, 0}, after[] = {1, 1, 1, 0, 0, 0};
    fm_headline h = {.pool = FM_POOL_MACRO, .weights = (double[]){0.5, 0.5}, .n_groups = 2};
    fm_headline_pair pairs[6];
    double shares[6], flips[6], base, candidate;

    set_pairs(pairs, groups, before, after, 6);
    cr_assert(
        eq(int, fm_headline_shares(&h, pairs, 6, shares, flips, &base, &candidate, NULL), FM_OK));
    cr_expect(epsilon_eq(dbl, base, 0.625, tiny));
    cr_expect(epsilon_eq(dbl, candidate, 0.5, tiny));
    fm_paired_mean mean = fm_paired_mean_of(shares, 6, NULL, 0, 0.95);
    cr_expect(epsilon_eq(dbl, mean.mean, -0.125, tiny));
    cr_expect(epsilon_eq(dbl, mean.error * mean.error, 0.078125, tiny));
    cr_expect(epsilon_eq(dbl, flips[2], 0.125, tiny));
    cr_expect(epsilon_eq(dbl, flips[4], -0.25, tiny));
    cr_expect(epsilon_eq(dbl, flips[0], 0, tiny));
}

/* 1 of 2 and 0 of 1 points in the region make 2/3; 2 of 4 and 1 of 1 make 3/5. */
Test(compare_pooled, points_weigh_the_same)
{
    fm_headline h = {.pool = FM_POOL_POINTS, .weights = (double[]){1}, .n_groups = 1};
    fm_headline_pair pairs[] = {
        {.base = 1, .base_weight = 2, .candidate = 0.5, .candidate_weight = 4},
        {.base = 0, .base_weight = 1, .candidate = 1, .candidate_weight = 1},
    };
    double shares[2], flips[2], base, candidate, off = -0.08 - 2.0 / 9;

    cr_assert(
        eq(int, fm_headline_shares(&h, pairs, 2, shares, flips, &base, &candidate, NULL), FM_OK));
    cr_expect(epsilon_eq(dbl, base, 2.0 / 3, tiny));
    cr_expect(epsilon_eq(dbl, candidate, 0.6, tiny));
    cr_expect(epsilon_eq(dbl, shares[0], -1.0 / 15 + 2 * off, tiny));
    cr_expect(epsilon_eq(dbl, shares[1], -1.0 / 15 - 2 * off, tiny));
    /* All points together: 5 of 8. */
    cr_expect(epsilon_eq(dbl, flips[0], (4 * (0.5 - 0.625) - 2 * (1 - 0.625)) / 4, tiny));
}

Test(compare_pooled, exchanging_the_sides_turns_the_flips_round)
{
    fm_headline h = {.pool = FM_POOL_POINTS, .weights = (double[]){1}, .n_groups = 1};
    fm_headline_pair pairs[] = {
        {.base = 0.3, .base_weight = 2, .candidate = 0.5, .candidate_weight = 4},
        {.base = 0.1, .base_weight = 7, .candidate = 1, .candidate_weight = 1},
    };
    double shares[2], flips[2], back[2], base, candidate;

    (void)!fm_headline_shares(&h, pairs, 2, shares, flips, &base, &candidate, NULL);
    for (size_t i = 0; i < 2; i++)
        pairs[i] = (fm_headline_pair){.base = pairs[i].candidate,
                                      .base_weight = pairs[i].candidate_weight,
                                      .candidate = pairs[i].base,
                                      .candidate_weight = pairs[i].base_weight};
    (void)!fm_headline_shares(&h, pairs, 2, shares, back, &base, &candidate, NULL);
    cr_expect(epsilon_eq(dbl, back[0], -flips[0], tiny));
    cr_expect(epsilon_eq(dbl, back[1], -flips[1], tiny));
}

Test(compare_pooled, a_group_without_a_pair_leaves_nothing)
{
    fm_headline h = {.pool = FM_POOL_MACRO, .weights = (double[]){0.5, 0.5}, .n_groups = 2};
    fm_headline_pair pair = {
        .group = 1, .base = 1, .base_weight = 1, .candidate = 1, .candidate_weight = 1};
    double share, flip, base, candidate;

    cr_assert(
        eq(int, fm_headline_shares(&h, &pair, 1, &share, &flip, &base, &candidate, NULL), FM_OK));
    cr_expect(isnan(base) && isnan(candidate) && isnan(share));
}

/* A group of one pair still has an error: it lies off the whole. */
Test(compare_pooled, a_group_of_one_pair_is_not_known_exactly)
{
    static const uint32_t groups[] = {0, 1, 2};
    static const double before[] = {0, 1, 0}, after[] = {1, 1, 1};
    fm_headline h = {
        .pool = FM_POOL_MACRO, .weights = (double[]){1. / 3, 1. / 3, 1. / 3}, .n_groups = 3};
    fm_headline_pair pairs[3];
    double shares[3], flips[3], base, candidate;

    set_pairs(pairs, groups, before, after, 3);
    (void)!fm_headline_shares(&h, pairs, 3, shares, flips, &base, &candidate, NULL);
    fm_paired_mean mean = fm_paired_mean_of(shares, 3, NULL, 0, 0.95);
    cr_expect(epsilon_eq(dbl, mean.mean, 2. / 3, tiny));
    cr_expect(epsilon_eq(dbl, mean.error, 1. / 3, tiny)); /* as of three pairs of one group */
}

Test(compare_pooled, a_question_is_right_where_every_copy_is)
{
    static const uint32_t groups[] = {0, 1, 0, 1};
    static const double before[] = {1, 1, 1, 0}, after[] = {1, 1, 0, 1};
    fm_headline_pair pairs[4];
    size_t first[2];

    set_pairs(pairs, groups, before, after, 4);
    cr_assert(eq(sz, fm_headline_fold(pairs, 4, first), 2));
    cr_expect(eq(dbl, pairs[0].base, 1));
    cr_expect(eq(dbl, pairs[0].candidate, 0));
    cr_expect(eq(dbl, pairs[1].base, 0));
    cr_expect(eq(dbl, pairs[1].candidate, 1));
}

/* 2D has two sources and 3D one: a quarter each, and a half. */
Test(compare_pooled, sources_weigh_the_same_within_their_category)
{
    fm_protocol protocol = {.pool = FM_POOL_SOURCE};
    fm_graded_sample samples[] = {
        {.id = "1", .category = "2D", .source = "ADE"},
        {.id = "2", .category = "2D", .source = "COCO"},
        {.id = "3", .category = "3D", .source = "ADE"},
        {.id = "4", .category = "2D", .source = "ADE"},
    };
    fm_graded graded = {.protocol = &protocol, .samples = samples, .n = 4};
    fm_headline h = {.pool = FM_POOL_SOURCE};

    cr_assert(eq(int, fm_headline_group(&graded, &h, NULL), FM_OK));
    cr_expect(eq(sz, h.n_groups, 3));
    cr_expect(eq(u32, h.of_sample[3], h.of_sample[0]));
    cr_expect(ne(u32, h.of_sample[2], h.of_sample[0]));
    cr_expect(epsilon_eq(dbl, h.weights[0], 0.25, tiny));
    cr_expect(epsilon_eq(dbl, h.weights[1], 0.25, tiny));
    cr_expect(epsilon_eq(dbl, h.weights[2], 0.5, tiny));
    fm_headline_release(&h);
}

Test(compare_pooled, protocols_that_pool_in_other_ways_have_no_headline_in_common)
{
    static const fm_metric metrics[] = {{.name = "accuracy", .role = FM_METRIC_RATE}};
    fm_protocol macro = {
        .pool = FM_POOL_MACRO, .primary = "accuracy", .metrics = metrics, .n_metrics = 1};
    fm_protocol micro = macro, copies = macro;
    fm_headline h = {0};

    micro.pool = FM_POOL_MICRO;
    copies.pool = FM_POOL_COPIES;
    copies.copies = "-*";
    cr_expect(eq(int, fm_headline_name(&micro, &micro, false, &h), false));
    cr_expect(eq(int, fm_headline_name(&macro, &micro, false, &h), false));
    cr_expect(eq(int, fm_headline_name(&copies, &copies, true, &h), false));
    cr_expect(eq(int, fm_headline_name(&copies, &copies, false, &h), true));
    cr_expect(eq(str, (char *)h.metric.name, "accuracy_copies"));
    cr_expect(eq(int, fm_headline_name(&macro, &macro, true, &h), true));
    cr_expect(eq(str, (char *)h.metric.name, "accuracy_macro"));
}
