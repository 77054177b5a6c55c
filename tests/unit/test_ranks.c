/* Places of several systems on the same items: their intervals and their letters, against what is worked out
 * by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "fathom/ranks.h"

enum { ITEMS = 200 };

Test(ranks, systems_that_are_always_apart_hold_one_place_each)
{
    double values[ITEMS][3];
    fm_rank_interval out[3];

    for (int i = 0; i < ITEMS; i++)
        for (int s = 0; s < 3; s++)
            values[i][s] = i % 7 + (s == 1 ? 2 : s == 2 ? 1 : 0);
    cr_assert(eq(int, fm_ranks_bootstrap(values[0], ITEMS, 3, 1, 500, 0.95, 1, out, NULL), FM_OK));
    cr_expect(out[1].low == 1 && out[1].high == 1);
    cr_expect(out[2].low == 2 && out[2].high == 2);
    cr_expect(out[0].low == 3 && out[0].high == 3);

    cr_assert(eq(int, fm_ranks_bootstrap(values[0], ITEMS, 3, -1, 500, 0.95, 1, out, NULL), FM_OK));
    cr_expect(out[0].low == 1 && out[0].high == 1, "of errors the least is the best");
}

/* Item by item: what is hard for both moves neither, so that a small steady difference is seen through it. */
Test(ranks, items_are_drawn_for_all_systems_together)
{
    double values[ITEMS][2];
    fm_rank_interval out[2];
    fm_rng rng;

    fm_rng_seed(&rng, 7);
    for (int i = 0; i < ITEMS; i++) {
        values[i][0] = 100 * fm_rng_normal(&rng);
        values[i][1] = values[i][0] + 0.001;
    }
    cr_assert(eq(int, fm_ranks_bootstrap(values[0], ITEMS, 2, 1, 300, 0.95, 1, out, NULL), FM_OK));
    cr_expect(out[1].high == 1 && out[0].low == 2);
}

Test(ranks, equal_systems_share_their_places_and_one_without_values_is_last)
{
    double values[ITEMS][3];
    fm_rank_interval out[3];

    for (int i = 0; i < ITEMS; i++) {
        values[i][0] = values[i][1] = i % 2;
        values[i][2] = NAN;
    }
    cr_assert(eq(int, fm_ranks_bootstrap(values[0], ITEMS, 3, 1, 100, 0.95, 1, out, NULL), FM_OK));
    cr_expect(out[0].low == 1 && out[0].high == 2 && out[1].low == 1 && out[1].high == 2);
    cr_expect(out[2].low == 3 && out[2].high == 3);
    cr_expect(
        eq(int, fm_ranks_bootstrap(values[0], ITEMS, 65, 1, 1, 0.95, 1, out, NULL), FM_E_INPUT));
    cr_expect(
        eq(int, fm_ranks_bootstrap(values[0], ITEMS, 3, 1, 0, 0.95, 1, out, NULL), FM_E_INPUT));
}

/* ---- letters ---- */

static size_t groups_of(size_t n, const size_t (*pairs)[2], size_t n_pairs, uint64_t *groups)
{
    bool differ[FM_RANKS_MOST * FM_RANKS_MOST] = {false};

    for (size_t i = 0; i < n_pairs; i++)
        differ[pairs[i][0] * n + pairs[i][1]] = differ[pairs[i][1] * n + pairs[i][0]] = true;
    return fm_ranks_groups(differ, n, groups, 26);
}

Test(ranks, letters_are_shared_exactly_where_nothing_differs)
{
    uint64_t groups[26];

    cr_expect(eq(sz, groups_of(3, NULL, 0, groups), 1));
    cr_expect(eq(u64, groups[0], 7));
    /* The first and the last differ: a chain through the middle one. */
    cr_expect(eq(sz, groups_of(3, (const size_t[][2]){{0, 2}}, 1, groups), 2));
    cr_expect(eq(u64, groups[0], 3));
    cr_expect(eq(u64, groups[1], 6));
    cr_expect(eq(sz, groups_of(3, (const size_t[][2]){{0, 1}, {0, 2}, {1, 2}}, 3, groups), 3));
    cr_expect(groups[0] == 1 && groups[1] == 2 && groups[2] == 4);
    cr_expect(eq(sz, groups_of(0, NULL, 0, groups), 0));
    cr_expect(eq(sz, groups_of(64, NULL, 0, groups), 1));
    cr_expect(eq(u64, groups[0], UINT64_MAX));
}

/* Any table of differences: two systems share a set exactly where they do not differ, and no set lies in another. */
Test(ranks, letters_say_what_the_table_says)
{
    fm_rng rng;

    fm_rng_seed(&rng, 11);
    for (int round = 0; round < 300; round++) {
        enum { N = 6 };
        bool differ[N * N] = {false};
        uint64_t groups[64];

        for (size_t i = 0; i < N; i++)
            for (size_t k = i + 1; k < N; k++)
                differ[i * N + k] = differ[k * N + i] = fm_rng_below(&rng, 3) == 0;
        size_t n = fm_ranks_groups(differ, N, groups, 64);
        cr_assert(gt(sz, n, 0));
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < N; k++) {
                bool shared = false;

                for (size_t g = 0; g < n; g++)
                    shared |= groups[g] >> i & 1 && groups[g] >> k & 1;
                cr_expect(i == k || shared == !differ[i * N + k]);
            }
        for (size_t g = 0; g < n; g++)
            for (size_t h = 0; h < n; h++)
                cr_expect(g == h || (groups[g] & ~groups[h]) != 0);
    }
    bool none[1] = {false};
    cr_expect(eq(sz, fm_ranks_groups(none, 1, (uint64_t[1]){0}, 0), 0));
}
