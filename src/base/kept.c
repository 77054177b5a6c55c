#include "base/kept.h"

#include <stdlib.h>
#include <string.h>

static int longest_unused_first(const void *a, const void *b)
{
    const fm_kept *x = a, *y = b;

    if (x->age_s != y->age_s)
        return x->age_s < y->age_s ? 1 : -1;
    return strcmp(x->name, y->name);
}

size_t fm_kept_outlived(fm_kept *items, size_t n, double max_age_s, uint64_t max_bytes)
{
    uint64_t left = 0;
    size_t going = 0;

    for (size_t i = 0; i < n; i++)
        left += items[i].bytes;
    if (n > 0)
        qsort(items, n, sizeof(*items), longest_unused_first);
    while (going < n && ((max_age_s >= 0 && items[going].age_s > max_age_s) || left > max_bytes))
        left -= items[going++].bytes;
    return going;
}
