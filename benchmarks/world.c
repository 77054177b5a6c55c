/* Speed of the scene generator, on two threads: the suite's items at the training size and at the
 * suite's, in memory and as files (what `fathom world` writes), and scenes with a question of each
 * family, in memory (what training draws).
 *
 * Each figure is the median of REPETITIONS runs after one that is not counted; all raw times are
 * printed. Item indices differ between repetitions, so that no run profits from an easy draw. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/threads.h"
#include "fathom/world_scene.h"

enum { THREADS = 2, REPETITIONS = 5 };

typedef struct {
    fm_world_config config;
    fm_world_settings settings;
    size_t first;
    fm_world_item items[THREADS];
    fm_world_scene scenes[THREADS];
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

static fm_status make_scene(void *context, size_t index, int worker, fm_err *err)
{
    work *w = context;

    return fm_world_scene_make(&w->settings, w->first + index, &w->scenes[worker], err);
}

/* Median and raw times of `one` for n indices at a time. */
static fm_status time_it(work *w, fm_status (*one)(void *, size_t, int, fm_err *), size_t n,
                         const char *what, fm_err *err)
{
    double seconds[REPETITIONS + 1];
    fm_status st = FM_OK;

    for (int r = 0; st == FM_OK && r <= REPETITIONS; r++) {
        double start = fm_clock_seconds();

        w->first = (size_t)r * n;
        st = fm_parallel_for(n, THREADS, one, w, err);
        seconds[r] = fm_clock_seconds() - start;
    }
    for (int i = 0; i < THREADS; i++) {
        fm_world_item_release(&w->items[i]);
        fm_world_scene_release(&w->scenes[i]);
    }
    if (st != FM_OK)
        return st;
    qsort(seconds + 1, REPETITIONS, sizeof(seconds[0]), by_value);
    double median = seconds[1 + REPETITIONS / 2];
    printf("%-28s %7.1f scenes/s   (%zu scenes, %d threads; seconds:", what, (double)n / median, n,
           THREADS);
    for (int r = 1; r <= REPETITIONS; r++)
        printf(" %.3f", seconds[r]);
    printf(")\n");
    fflush(stdout); /* a figure that is there survives an impatient reader */
    return FM_OK;
}

static fm_status items(int width, int height, size_t n, bool encode, fm_err *err)
{
    work w = {.config = fm_world_default_config(), .encode = encode};
    char what[64];

    w.config.width = width;
    w.config.height = height;
    snprintf(what, sizeof(what), "items %dx%d %s", width, height, encode ? "as PNG" : "in memory");
    return time_it(&w, make_one, n, what, err);
}

static fm_status scenes(unsigned places, const char *name, fm_err *err)
{
    work w = {.settings = fm_world_default_settings()};
    char what[64];

    w.settings.places = places;
    snprintf(what, sizeof(what), "%s 128x128, 8 questions", name);
    return time_it(&w, make_scene, 400, what, err);
}

int main(void)
{
    fm_err err = {0};
    fm_status st = items(128, 128, 200, false, &err);

    if (st == FM_OK)
        st = items(128, 128, 200, true, &err);
    if (st == FM_OK)
        st = items(FM_WORLD_DEFAULT_WIDTH, FM_WORLD_DEFAULT_HEIGHT, 32, false, &err);
    if (st == FM_OK)
        st = items(FM_WORLD_DEFAULT_WIDTH, FM_WORLD_DEFAULT_HEIGHT, 32, true, &err);
    for (int place = 0; st == FM_OK && place < FM_WORLD_PLACES; place++)
        st = scenes(1u << place, fm_world_place_name((fm_world_place)place), &err);
    if (st == FM_OK)
        st = scenes((1u << FM_WORLD_PLACES) - 1, "all places", &err);
    if (st != FM_OK)
        fprintf(stderr, "benchmark world: %s\n", err.text);
    return fm_status_exit_code(st);
}
