/* Owns what a pair of samples contributes to the difference of two pooled headlines. */
#include "core/compare_pooled.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "core/copies.h"
#include "core/groups.h"

/* ---- which headline ---- */

static size_t find(const fm_protocol *protocol, const char *name)
{
    size_t i = 0;

    while (i < protocol->n_metrics && strcmp(protocol->metrics[i].name, name) != 0)
        i++;
    return i;
}

static bool same_pool(const fm_protocol *a, const fm_protocol *b)
{
    return a->pool == b->pool && strcmp(a->primary, b->primary) == 0 &&
           (a->pool != FM_POOL_COPIES || strcmp(a->copies, b->copies) == 0);
}

bool fm_headline_name(const fm_protocol *base, const fm_protocol *candidate, bool repeats,
                      fm_headline *out)
{
    size_t primary = find(base, base->primary);

    if (base->pool == FM_POOL_MICRO || !same_pool(base, candidate) || primary == base->n_metrics ||
        (repeats && (base->pool == FM_POOL_COPIES || base->pool == FM_POOL_POINTS)))
        return false;
    out->pool = base->pool;
    out->points = find(base, "points");
    out->points_there = find(candidate, "points");
    if (base->pool == FM_POOL_POINTS &&
        (out->points == base->n_metrics || out->points_there == candidate->n_metrics))
        return false;
    fm_groups_headline(base, out->name, sizeof(out->name));
    out->metric = base->metrics[primary];
    out->metric.name = out->name;
    return true;
}

/* ---- groups ---- */

enum { KEY_BYTES = 1024 };

/* What two samples of one group share. */
static void key_of(const fm_headline *h, const fm_protocol *protocol, const fm_graded_sample *s,
                   char out[KEY_BYTES])
{
    switch (h->pool) {
    case FM_POOL_COPIES:
        fm_copies_question(protocol->copies, s->id, out, KEY_BYTES);
        break;
    case FM_POOL_SOURCE: /* a source of one category is another than that of the next */
        snprintf(out, KEY_BYTES, "%s\n%s", s->category ? s->category : "",
                 s->source ? s->source : "");
        break;
    case FM_POOL_MACRO:
        snprintf(out, KEY_BYTES, "%s", s->category ? s->category : "");
        break;
    case FM_POOL_POINTS:
    case FM_POOL_MICRO:
        out[0] = '\0';
        break;
    }
}

/* Each category weighs the same, and within one each of its sources. first: a sample of each group. */
static fm_status weigh(const fm_graded *base, const size_t *first, fm_headline *h, fm_err *err)
{
    fm_id_map categories = {0};
    size_t *groups_in = calloc(h->n_groups + 1, sizeof(*groups_in)), n = 0;
    uint64_t *category_of = calloc(h->n_groups + 1, sizeof(*category_of));
    bool good = groups_in && category_of;

    h->weights = calloc(h->n_groups + 1, sizeof(*h->weights));
    good &= h->weights != NULL;
    for (size_t g = 0; good && g < h->n_groups; g++) {
        const char *name = base->samples[first[g]].category;
        bool fresh;

        name = name && h->pool != FM_POOL_POINTS ? name : "";
        category_of[g] = n;
        if (!fm_id_map_find(&categories, name, &category_of[g]))
            good = fm_id_map_put(&categories, name, n++, &fresh, NULL);
        groups_in[category_of[g]]++;
    }
    for (size_t g = 0; good && g < h->n_groups; g++)
        h->weights[g] = 1 / ((double)n * (double)groups_in[category_of[g]]);
    fm_id_map_release(&categories);
    free(groups_in);
    free(category_of);
    return good ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for the groups of the samples");
}

fm_status fm_headline_group(const fm_graded *base, fm_headline *out, fm_err *err)
{
    fm_id_map map = {0};
    size_t *first = calloc(base->n + 1, sizeof(*first));
    fm_status st = FM_OK;

    out->n_groups = 0;
    out->of_sample = calloc(base->n + 1, sizeof(*out->of_sample));
    if (!first || !out->of_sample)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the groups of the samples");
    for (size_t i = 0; st == FM_OK && i < base->n; i++) {
        char key[KEY_BYTES];
        uint64_t group = out->n_groups;
        bool fresh;

        key_of(out, base->protocol, &base->samples[i], key);
        if (!fm_id_map_find(&map, key, &group)) {
            first[out->n_groups++] = i;
            if (!fm_id_map_put(&map, key, group, &fresh, NULL))
                st = fm_fail(err, FM_E_NOMEM, "no memory for the groups of the samples");
        }
        out->of_sample[i] = (uint32_t)group;
    }
    if (st == FM_OK && out->pool != FM_POOL_COPIES)
        st = weigh(base, first, out, err);
    fm_id_map_release(&map);
    free(first);
    return st;
}

void fm_headline_release(fm_headline *headline)
{
    free(headline->of_sample);
    free(headline->weights);
    headline->of_sample = NULL;
    headline->weights = NULL;
}

double fm_headline_weight(const fm_headline *headline, const fm_graded *run, size_t sample,
                          size_t points)
{
    return headline->pool == FM_POOL_POINTS
               ? run->scored[sample * run->protocol->n_metrics + points]
               : 1;
}

/* ---- copies ---- */

size_t fm_headline_fold(fm_headline_pair *pairs, size_t n, size_t *first)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        first[pairs[i].group] = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t *at = &first[pairs[i].group];

        if (*at == SIZE_MAX) {
            *at = kept;
            pairs[kept++] = pairs[i];
            continue;
        }
        pairs[*at].base = fmin(pairs[*at].base, pairs[i].base);
        pairs[*at].candidate = fmin(pairs[*at].candidate, pairs[i].candidate);
    }
    return kept;
}

/* ---- shares ---- */

/* One group: what its pairs add up to. */
typedef struct {
    size_t n;
    double base, base_weight, candidate, candidate_weight;
} total;

static double ratio(double sum, double weight)
{
    return weight > 0 ? sum / weight : 0; /* answers without a single point */
}

static void add_up(const fm_headline_pair *pairs, size_t n, total *totals)
{
    for (size_t i = 0; i < n; i++) {
        const fm_headline_pair *p = &pairs[i];
        total *t = &totals[p->group];

        t->n++;
        t->base += p->base * p->base_weight;
        t->base_weight += p->base_weight;
        t->candidate += p->candidate * p->candidate_weight;
        t->candidate_weight += p->candidate_weight;
    }
}

/* How far a pair lies off its group, on both sides, by the part that it has in the group's weight. */
static double off_group(const fm_headline_pair *p, const total *t)
{
    double base = p->base_weight * (p->base - ratio(t->base, t->base_weight));
    double candidate =
        p->candidate_weight * (p->candidate - ratio(t->candidate, t->candidate_weight));

    return ratio(candidate, t->candidate_weight) - ratio(base, t->base_weight);
}

/* Were base and candidate the same, both sides' group value would be that of all values together. */
static double flip_of(const fm_headline_pair *p, const total *t)
{
    double weight = (t->base_weight + t->candidate_weight) / 2;
    double both = ratio(t->base + t->candidate, 2 * weight);

    return ratio(p->candidate_weight * (p->candidate - both) - p->base_weight * (p->base - both),
                 weight);
}

/* From the spread around a group's mean to an unbiased one, where the error of the mean of all n will
 * be taken with n - 1. */
static double unbiased(size_t in_group, size_t n)
{
    double g = (double)in_group, all = (double)n;

    return g > 1 && all > 1 ? sqrt(g / (g - 1) * (all - 1) / all) : 1;
}

static void put_shares(const fm_headline *h, const fm_headline_pair *pairs, size_t n,
                       const total *totals, double difference, double *shares, double *flips)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        const total *t = &totals[pairs[i].group];
        double weight = h->weights[pairs[i].group];
        double off = t->n > 1 ? off_group(&pairs[i], t) * unbiased(t->n, n)
                              : pairs[i].candidate - pairs[i].base - difference;

        shares[i] = weight * off;
        flips[i] = weight * flip_of(&pairs[i], t);
        sum += shares[i];
    }
    for (size_t i = 0; i < n; i++)
        shares[i] = difference + (double)n * shares[i] - sum;
}

fm_status fm_headline_shares(const fm_headline *headline, const fm_headline_pair *pairs, size_t n,
                             double *shares, double *flips, double *base, double *candidate,
                             fm_err *err)
{
    total *totals = calloc(headline->n_groups + 1, sizeof(*totals));

    if (!totals)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu groups", headline->n_groups);
    *base = *candidate = headline->n_groups ? 0 : NAN;
    add_up(pairs, n, totals);
    for (size_t g = 0; g < headline->n_groups; g++) {
        const total *t = &totals[g];

        *base += t->n ? headline->weights[g] * ratio(t->base, t->base_weight) : NAN;
        *candidate += t->n ? headline->weights[g] * ratio(t->candidate, t->candidate_weight) : NAN;
    }
    put_shares(headline, pairs, n, totals, *candidate - *base, shares, flips);
    free(totals);
    return FM_OK;
}
