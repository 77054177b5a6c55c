/* Speed of the scene generator: scenes a second at the training size and at the suite's, on two
 * threads, in memory (what training draws) and as files (what `fathom world` writes).
 *
 * Each figure is the median of REPETITIONS runs after one that is not counted; all raw times are
 * printed. Item indices differ between repetitions, so that no run profits from an easy draw. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/threads.h"
#include "fathom/world.h"

enum { THREADS = 2, REPETITIONS = 5 };

typedef struct {
    fm_world_config config;
    size_t first;
    fm_world_item items[THREADS];
    bool encode;
} work;

static fm_status make_one(void *context, size_t index, int worker, fm_err *err)
{
    work *w = context;
    fm_world_item *item = &w->items[worker];
    fm_status st = fm_world_item_make(&w->config, w->first + index, item, err);
    const fm_raster *rasters[] = {&item->image, &item->depth, &item->mask};

    for (size_t i = 0; st == FM_OK && w->encode && i < FM_COUNT_OF(rasters); i++) {
        unsigned char *png = NULL;
        size_t size;

        st = fm_raster_encode_png(rasters[i], &png, &size, err);
        free(png);
    }
    return st;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static fm_status measure(int width, int height, size_t n, bool encode, fm_err *err)
{
    work w = {.config = fm_world_default_config(), .encode = encode};
    double seconds[REPETITIONS + 1];
    fm_status st = FM_OK;

    w.config.width = width;
    w.config.height = height;
    for (int r = 0; st == FM_OK && r <= REPETITIONS; r++) {
        double start = fm_clock_seconds();

        w.first = (size_t)r * n;
        st = fm_parallel_for(n, THREADS, make_one, &w, err);
        seconds[r] = fm_clock_seconds() - start;
    }
    for (int i = 0; i < THREADS; i++)
        fm_world_item_release(&w.items[i]);
    if (st != FM_OK)
        return st;
    qsort(seconds + 1, REPETITIONS, sizeof(seconds[0]), by_value);
    double median = seconds[1 + REPETITIONS / 2];
    printf("%4dx%-4d %-10s %7.1f scenes/s   (%zu scenes, %d threads; seconds:", width, height,
           encode ? "as PNG" : "in memory", (double)n / median, n, THREADS);
    for (int r = 1; r <= REPETITIONS; r++)
        printf(" %.3f", seconds[r]);
    printf(")\n");
    fflush(stdout); /* a figure that is there survives an impatient reader */
    return FM_OK;
}

int main(void)
{
    fm_err err = {0};
    fm_status st = measure(128, 128, 200, false, &err);

    if (st == FM_OK)
        st = measure(128, 128, 200, true, &err);
    if (st == FM_OK)
        st = measure(FM_WORLD_DEFAULT_WIDTH, FM_WORLD_DEFAULT_HEIGHT, 32, false, &err);
    if (st == FM_OK)
        st = measure(FM_WORLD_DEFAULT_WIDTH, FM_WORLD_DEFAULT_HEIGHT, 32, true, &err);
    if (st != FM_OK)
        fprintf(stderr, "benchmark world: %s\n", err.text);
    return fm_status_exit_code(st);
}
