/* Choosing a token: ties, what is never chosen, what top-k and top-p leave, frequencies, and
 * log-probabilities. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "engine/sampler.h"

enum { N = 8 };

static int32_t choose(rt_sampler *sampler, const float logits[N])
{
    float copy[N];

    memcpy(copy, logits, sizeof(copy));
    return rt_sampler_choose(sampler, copy, N);
}

/* Which ids come in many draws, a bit each. */
static unsigned drawn(double temperature, int top_k, double top_p, const float logits[N])
{
    rt_sampler sampler = {.temperature = temperature, .top_p = top_p, .top_k = top_k};
    unsigned seen = 0;

    fm_rng_seed(&sampler.rng, 7);
    for (int i = 0; i < 2000; i++) {
        int32_t id = choose(&sampler, logits);

        cr_assert(id >= 0 && id < N);
        seen |= 1U << id;
    }
    return seen;
}

Test(sampler, greedy_takes_the_likeliest_and_of_equals_the_first)
{
    rt_sampler greedy = {0};

    cr_expect(eq(int, choose(&greedy, (float[N]){0, 3, 1, 3, -1, 3, 0, 0}), 1));
    cr_expect(eq(int, choose(&greedy, (float[N]){NAN, -INFINITY, NAN, -5, -5, NAN, -9, -7}), 3));
    cr_expect(eq(int, choose(&greedy, (float[N]){0, INFINITY, INFINITY, 0, 0, 0, 0, 0}), 1));
}

Test(sampler, where_nothing_may_come_nothing_is_chosen)
{
    rt_sampler greedy = {0}, warm = {.temperature = 1};
    float none[N], one[N];

    for (int i = 0; i < N; i++)
        none[i] = one[i] = i % 2 ? -INFINITY : NAN;
    cr_expect(eq(int, choose(&greedy, none), -1));
    cr_expect(eq(int, choose(&warm, none), -1));
    one[5] = -1e30F;
    cr_expect(eq(int, choose(&warm, one), 5));
    one[6] = INFINITY;
    cr_expect(eq(int, choose(&warm, one), 6));
}

Test(sampler, top_k_keeps_the_likeliest_so_many)
{
    static const float logits[N] = {0.5F, 2, 1, 2, -1, 1, 1, -INFINITY};

    cr_expect(eq(uint, drawn(1, 0, 0, logits), 0x7fU));
    cr_expect(eq(uint, drawn(1, 2, 0, logits), 0x0aU));
    cr_expect(eq(uint, drawn(1, 4, 0, logits), 0x2eU), "of equals the lower ids stay");
    cr_expect(eq(uint, drawn(1, 1, 0, logits), 0x02U));
    cr_expect(eq(uint, drawn(1, 100, 0, logits), 0x7fU));
}

Test(sampler, top_p_keeps_the_fewest_that_hold_so_much)
{
    /* probabilities 1/2, 1/4, 1/8, 1/16, 1/16 */
    const float half = logf(0.5F);
    const float logits[N] = {4 * half,  half,     -INFINITY, 3 * half,
                             -INFINITY, 2 * half, 4 * half,  -INFINITY};

    cr_expect(eq(uint, drawn(1, 0, 0.49, logits), 0x02U));
    cr_expect(eq(uint, drawn(1, 0, 0.74, logits), 0x22U));
    cr_expect(eq(uint, drawn(1, 0, 0.76, logits), 0x2aU));
    cr_expect(eq(uint, drawn(1, 0, 0.90, logits), 0x2bU), "of equals the lower id stays");
    cr_expect(eq(uint, drawn(1, 0, 1, logits), 0x6bU));
    /* Of the two likeliest, which then hold everything, one has two thirds. */
    cr_expect(eq(uint, drawn(1, 2, 0.6, logits), 0x02U));
    cr_expect(eq(uint, drawn(1, 2, 0.7, logits), 0x22U));
}

Test(sampler, draws_as_often_as_the_probability_says)
{
    static const double expected[N] = {0.1, 0.2, 0.3, 0.05, 0.05, 0, 0.25, 0.05};
    rt_sampler sampler = {.temperature = 2};
    float logits[N];
    int counts[N] = {0}, draws = 40000;

    for (int i = 0; i < N; i++)
        logits[i] = 2 * logf((float)expected[i]) + 100;
    fm_rng_seed(&sampler.rng, 1);
    for (int i = 0; i < draws; i++)
        counts[choose(&sampler, logits)]++;
    for (int i = 0; i < N; i++)
        cr_expect(fabs(counts[i] - draws * expected[i]) <=
                      4 * sqrt(draws * expected[i] * (1 - expected[i])),
                  "%d: %d of %d", i, counts[i], draws);
}

Test(sampler, the_same_seed_draws_the_same)
{
    static const float logits[N] = {0};
    rt_sampler a = {.temperature = 1}, b = {.temperature = 1}, other = {.temperature = 1};
    int same = 0;

    fm_rng_seed(&a.rng, 3);
    fm_rng_seed(&b.rng, 3);
    fm_rng_seed(&other.rng, 4);
    for (int i = 0; i < 100; i++) {
        int32_t id = choose(&a, logits);

        cr_assert(eq(int, choose(&b, logits), id));
        same += choose(&other, logits) == id;
    }
    cr_expect(lt(int, same, 50));
}

Test(sampler, log_probabilities_are_those_of_the_softmax)
{
    const float logits[] = {900, 901, -INFINITY, 902, 899.5F};
    double sum = 0, whole = exp(-2) + exp(-1) + 1 + exp(-2.5);

    for (int32_t id = 0; id < (int32_t)FM_COUNT_OF(logits); id++)
        sum += exp(rt_sampler_log_probability(logits, FM_COUNT_OF(logits), id));
    cr_expect(fabs(sum - 1) < 1e-12);
    cr_expect(fabs(rt_sampler_log_probability(logits, FM_COUNT_OF(logits), 1) + 1 + log(whole)) <
              1e-12);
    cr_expect(rt_sampler_log_probability(logits, FM_COUNT_OF(logits), 2) == -INFINITY);
    /* Near certainty the difference from 1 is kept. */
    cr_expect(fabs(rt_sampler_log_probability((float[]){0, -40}, 2, 0) / -exp(-40) - 1) < 1e-12);
    cr_expect(isnan(rt_sampler_log_probability((float[]){NAN, -INFINITY}, 2, 1)) != 0);
}
