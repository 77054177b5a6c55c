/* Owns places among several systems: their intervals, and the letters of those that share one. */
#include "fathom/ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/size.h"

/* ---- intervals ---- */

typedef struct {
    const double *values;
    size_t n, n_systems;
    double sums[FM_RANKS_MOST], counts[FM_RANKS_MOST];
    double means[FM_RANKS_MOST];
    /* [n_systems][n_systems + 1]: in how many draws the best, and the worst place was that one */
    size_t *best, *worst;
} ranking;

static void draw(ranking *r, fm_rng *rng)
{
    memset(r->sums, 0, sizeof(r->sums));
    memset(r->counts, 0, sizeof(r->counts));
    for (size_t i = 0; i < r->n; i++) {
        const double *row = &r->values[fm_rng_below(rng, r->n) * r->n_systems];

        for (size_t s = 0; s < r->n_systems; s++) {
            bool counts = !isnan(row[s]);

            r->sums[s] += counts ? row[s] : 0;
            r->counts[s] += counts;
        }
    }
}

static void count_places(ranking *r, int better)
{
    for (size_t s = 0; s < r->n_systems; s++)
        r->means[s] = r->counts[s] > 0 ? r->sums[s] / r->counts[s] * better : -INFINITY;
    for (size_t s = 0; s < r->n_systems; s++) {
        size_t above = 0, beside = 0;

        for (size_t k = 0; k < r->n_systems; k++) {
            above += r->means[k] > r->means[s];
            beside += r->means[k] >= r->means[s];
        }
        r->best[s * (r->n_systems + 1) + above + 1]++;
        r->worst[s * (r->n_systems + 1) + beside]++;
    }
}

/* The place that at least `share` of the draws do not pass. */
static size_t quantile(const size_t *counts, size_t n_systems, double share)
{
    size_t seen = 0, place = 1;

    for (; place < n_systems; place++) {
        seen += counts[place];
        if ((double)seen >= share)
            break;
    }
    return place;
}

fm_status fm_ranks_bootstrap(const double *values, size_t n, size_t n_systems, int better,
                             size_t draws, double confidence, uint64_t seed, fm_rank_interval *out,
                             fm_err *err)
{
    ranking r = {.values = values, .n = n, .n_systems = n_systems};
    double tail = (1 - confidence) / 2 * (double)draws;
    fm_rng rng;

    if (n_systems > FM_RANKS_MOST || n > UINT32_MAX || draws < 1)
        return fm_fail(err, FM_E_INPUT,
                       "%zu systems over %zu items in %zu draws: too many, or none", n_systems, n,
                       draws);
    r.best = calloc(2 * (n_systems + 1) * (n_systems + 1), sizeof(*r.best));
    if (!r.best)
        return fm_fail(err, FM_E_NOMEM, "no memory for ranks");
    r.worst = r.best + (n_systems + 1) * (n_systems + 1);
    fm_rng_seed(&rng, seed);
    for (size_t d = 0; d < draws; d++) {
        draw(&r, &rng);
        count_places(&r, better);
    }
    for (size_t s = 0; s < n_systems; s++) {
        out[s].low = quantile(r.best + s * (n_systems + 1), n_systems, fmax(tail, 1));
        out[s].high = quantile(r.worst + s * (n_systems + 1), n_systems, (double)draws - tail);
    }
    free(r.best);
    return FM_OK;
}

/* ---- letters ---- */

/* Drop set `at` where it lies inside another. */
static bool is_absorbed(const uint64_t *groups, size_t n, size_t at)
{
    for (size_t k = 0; k < n; k++)
        if (k != at && (groups[at] & ~groups[k]) == 0 && (groups[at] != groups[k] || k < at))
            return true;
    return false;
}

static size_t absorb(uint64_t *groups, size_t n)
{
    for (size_t i = 0; i < n;) {
        if (is_absorbed(groups, n, i))
            groups[i] = groups[--n];
        else
            i++;
    }
    return n;
}

/* By their systems from the first on: the one with the earlier system, at the first difference. */
static int by_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b, lowest = (x ^ y) & (~(x ^ y) + 1);

    return x == y ? 0 : x & lowest ? -1 : 1;
}

size_t fm_ranks_groups(const bool *differ, size_t n, uint64_t *groups, size_t most)
{
    size_t count = 1;

    if (n == 0 || n > FM_RANKS_MOST || most == 0)
        return 0;
    groups[0] = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            uint64_t one = UINT64_C(1) << i, other = UINT64_C(1) << k;
            size_t before = count;

            if (!differ[i * n + k])
                continue;
            for (size_t g = 0; g < before; g++) {
                if (!(groups[g] & one) || !(groups[g] & other))
                    continue;
                if (count == most)
                    return 0;
                groups[count++] = groups[g] & ~one;
                groups[g] &= ~other;
            }
            count = absorb(groups, count);
        }
    }
    qsort(groups, count, sizeof(*groups), by_first);
    return count;
}
