/* Speed of the scene generator, on two threads: scenes with a question of each family, in memory (what
 * training draws), and those of the suite tabletop, in memory and as PNG (what `fathom world` writes).
 *
 * Each figure is the median of REPETITIONS runs after one that is not counted; all raw times are
 * printed. Indices differ between repetitions, so that no run profits from an easy draw. On a machine
 * with other work to do, look at the processor's time for a scene. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/threads.h"
#include "fathom/raster.h"
#include "fathom/world.h"

enum { THREADS = 2, REPETITIONS = 5 };

typedef struct {
    fm_world_settings settings;
    size_t first;
    fm_world_scene scenes[THREADS];
    bool encode;
} work;

static fm_status make_one(void *context, size_t index, int worker, fm_err *err)
{
    work *w = context;
    fm_world_scene *scene = &w->scenes[worker];
    fm_status st = fm_world_scene_make(&w->settings, w->first + index, scene, err);
    const fm_raster rgb = {scene->width, scene->height, 3, 8, scene->rgb, 0};
    unsigned char *png = NULL;
    size_t size;

    if (st == FM_OK && w->encode)
        st = fm_raster_encode_png(&rgb, &png, &size, err);
    free(png);
    return st;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median and raw times for n scenes at a time. */
static fm_status time_it(work *w, size_t n, const char *what, fm_err *err)
{
    double seconds[REPETITIONS + 1], busy = 0;
    fm_status st = FM_OK;

    for (int r = 0; st == FM_OK && r <= REPETITIONS; r++) {
        double start = fm_clock_seconds();
        clock_t used = clock();

        w->first = (size_t)r * n;
        st = fm_parallel_for(n, THREADS, make_one, w, err);
        seconds[r] = fm_clock_seconds() - start;
        busy += r ? (double)(clock() - used) / CLOCKS_PER_SEC : 0;
    }
    for (int i = 0; i < THREADS; i++)
        fm_world_scene_release(&w->scenes[i]);
    if (st != FM_OK)
        return st;
    qsort(seconds + 1, REPETITIONS, sizeof(seconds[0]), by_value);
    double median = seconds[1 + REPETITIONS / 2];
    printf(
        "%-28s %7.1f scenes/s, %6.2f ms of processor a scene   (%zu scenes, %d threads; seconds:",
        what, (double)n / median, busy * 1000 / (double)(n * REPETITIONS), n, THREADS);
    for (int r = 1; r <= REPETITIONS; r++)
        printf(" %.3f", seconds[r]);
    printf(")\n");
    fflush(stdout); /* a figure that is there survives an impatient reader */
    return FM_OK;
}

static fm_status tabletop(bool encode, fm_err *err)
{
    size_t count;
    work w = {.settings = fm_world_layout_settings(FM_WORLD_BENCHMARK, &count), .encode = encode};
    char what[64];

    snprintf(what, sizeof(what), "tabletop %dx%d %s", w.settings.width, w.settings.height,
             encode ? "as PNG" : "in memory");
    return time_it(&w, count, what, err);
}

static fm_status scenes(unsigned places, const char *name, fm_err *err)
{
    work w = {.settings = fm_world_default_settings()};
    char what[64];

    w.settings.places = places;
    snprintf(what, sizeof(what), "%s 128x128, 8 questions", name);
    return time_it(&w, 400, what, err);
}

int main(void)
{
    fm_err err = {0};
    fm_status st = FM_OK;

    for (int place = 0; st == FM_OK && place < FM_WORLD_PLACES; place++)
        st = scenes(1u << place, fm_world_place_name((fm_world_place)place), &err);
    if (st == FM_OK)
        st = scenes((1u << FM_WORLD_PLACES) - 1, "all places", &err);
    if (st == FM_OK)
        st = tabletop(false, &err);
    if (st == FM_OK)
        st = tabletop(true, &err);
    if (st != FM_OK)
        fprintf(stderr, "benchmark world: %s\n", err.text);
    return fm_status_exit_code(st);
}
