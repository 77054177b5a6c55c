/* Owns the means of right answers. */
#include "fathom/accuracy.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void fm_tally_add(fm_tally *tally, double score)
{
    tally->right += score;
    tally->n++;
}

double fm_tally_mean(const fm_tally *tally)
{
    return tally->n ? tally->right / (double)tally->n : NAN;
}

double fm_mean_micro(const fm_tally *cells, size_t n)
{
    fm_tally all = {0, 0};

    for (size_t i = 0; i < n; i++) {
        all.right += cells[i].right;
        all.n += cells[i].n;
    }
    return fm_tally_mean(&all);
}

double fm_mean_macro(const fm_tally *cells, size_t n, bool skip_empty)
{
    fm_tally means = {0, 0};

    for (size_t i = 0; i < n; i++)
        if (cells[i].n > 0 || !skip_empty)
            fm_tally_add(&means, fm_tally_mean(&cells[i]));
    return fm_tally_mean(&means);
}

double fm_cvbench_2d(const fm_tally *ade20k, const fm_tally *coco)
{
    return (fm_tally_mean(ade20k) + fm_tally_mean(coco)) / 2;
}

double fm_cvbench_overall(const fm_tally *ade20k, const fm_tally *coco, const fm_tally *omni3d)
{
    return (fm_cvbench_2d(ade20k, coco) + fm_tally_mean(omni3d)) / 2;
}

double fm_vsibench_direction(const fm_tally levels[3])
{
    double sum = 0;

    for (int i = 0; i < 3; i++)
        sum += levels[i].n ? fm_tally_mean(&levels[i]) : 0;
    return sum / 3;
}

double fm_vsibench_overall(const fm_tally levels[3], const fm_tally *others, size_t n)
{
    fm_tally means = {fm_vsibench_direction(levels), 1};

    for (size_t i = 0; i < n; i++)
        if (others[i].n > 0)
            fm_tally_add(&means, fm_tally_mean(&others[i]));
    return fm_tally_mean(&means);
}

enum { UNSEEN, ALL_RIGHT, FAILED };

double fm_strict_accuracy(const bool *right, const size_t *group, size_t n, unsigned char *state,
                          size_t n_groups)
{
    fm_tally groups = {0, 0};

    memset(state, UNSEEN, n_groups);
    for (size_t i = 0; i < n; i++) {
        assert(group[i] < n_groups);
        if (!right[i])
            state[group[i]] = FAILED;
        else if (state[group[i]] == UNSEEN)
            state[group[i]] = ALL_RIGHT;
    }
    for (size_t g = 0; g < n_groups; g++)
        if (state[g] != UNSEEN)
            fm_tally_add(&groups, state[g] == ALL_RIGHT);
    return fm_tally_mean(&groups);
}
