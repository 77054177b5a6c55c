/* Speed of the Parquet reader: a file read from its first row to its last, once that is not counted and
 * then REPETITIONS times; the page cache holds what fits into it.
 *
 *     parquet FILE [COLUMN...]             all columns where none is named
 *     parquet --once FILE [COLUMN...]      once, with the time of the processor
 *
 * Prints the median in MB (of what the file takes on disk) and rows a second with all raw times, and
 * the most memory that the process ever held. Every value is looked at: numbers are added up, bytes
 * are counted. parquet_peer.mjs runs this program and DuckDB in turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "tables/parquet.h"

enum { REPETITIONS = 3, MAX_COLUMNS = 256 };

/* Of one column. */
typedef struct {
    uint64_t bytes;
    double sum;
} total;

typedef struct {
    int64_t rows;
    total columns[MAX_COLUMNS];
    size_t n;
} totals;

static void add(total *t, const fm_parquet_value *value)
{
    switch (value->kind) {
    case FM_PARQUET_INTEGER:
        t->sum += (double)value->integer;
        break;
    case FM_PARQUET_REAL:
        t->sum += value->real;
        break;
    case FM_PARQUET_TEXT:
    case FM_PARQUET_BINARY:
        t->bytes += value->size;
        break;
    case FM_PARQUET_LIST:
    case FM_PARQUET_STRUCT:
        for (uint32_t i = 0; i < value->size; i++)
            add(t, &value->items[i]);
        break;
    default:
        break;
    }
}

static fm_status read_all(const char *path, const char *const *columns, size_t n, totals *out,
                          fm_err *err)
{
    fm_parquet *file = NULL;
    const char *all[MAX_COLUMNS];
    const fm_parquet_value *row;
    fm_status st = fm_parquet_open(&file, path, err);

    if (st == FM_OK && n == 0) {
        const fm_parquet_node *root = fm_parquet_schema(file);

        for (; n < root->n_children && n < MAX_COLUMNS; n++)
            all[n] = root->children[n].name;
        columns = all;
    }
    if (st == FM_OK)
        st = fm_parquet_choose(file, columns, n, err);
    *out = (totals){.n = n};
    while (st == FM_OK) {
        st = fm_parquet_next(file, &row, err);
        if (st != FM_OK || !row)
            break;
        for (size_t i = 0; i < n; i++)
            add(&out->columns[i], &row[i]);
        out->rows++;
    }
    fm_parquet_close(file);
    return st;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Not ru_maxrss, which counts what the parent held when it forked. */
static double peak_mb(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    double kb = 0;

    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kb / 1024;
}

static fm_status once(const char *path, const char *const *columns, size_t n, fm_err *err)
{
    double start = fm_clock_seconds();
    totals t;
    fm_status st = read_all(path, columns, n, &t, err);

    if (st != FM_OK)
        return st;
    printf("%.3f s, %.3f s of the processor, %.1f MB at most\n", fm_clock_seconds() - start,
           cpu_seconds(), peak_mb());
    return FM_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static fm_status measure(const char *path, const char *const *columns, size_t n, fm_err *err)
{
    double seconds[REPETITIONS + 1];
    struct stat info;
    totals t;

    if (stat(path, &info) != 0)
        return fm_fail(err, FM_E_IO, "cannot find '%s'", path);
    for (int r = 0; r <= REPETITIONS; r++) {
        double start = fm_clock_seconds();
        fm_status st = read_all(path, columns, n, &t, err);

        if (st != FM_OK)
            return st;
        seconds[r] = fm_clock_seconds() - start;
    }
    qsort(seconds + 1, REPETITIONS, sizeof(seconds[0]), by_value);
    double median = seconds[1 + REPETITIONS / 2], mb = (double)info.st_size / 1e6, sum = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < t.n; i++) {
        sum += t.columns[i].sum;
        bytes += t.columns[i].bytes;
    }
    printf("%.0f MB/s, %.0f rows/s, %.1f MB at most (%.0f MB, %lld rows, %llu bytes, sum %.17g; "
           "seconds:",
           mb / median, (double)t.rows / median, peak_mb(), mb, (long long)t.rows,
           (unsigned long long)bytes, sum);
    for (int r = 1; r <= REPETITIONS; r++)
        printf(" %.3f", seconds[r]);
    printf(")\n");
    return FM_OK;
}

int main(int argc, char **argv)
{
    fm_err err = {0};
    bool is_once = argc > 1 && strcmp(argv[1], "--once") == 0;
    int first = is_once ? 2 : 1;

    if (argc <= first || argc - first - 1 > MAX_COLUMNS) {
        fprintf(stderr, "usage: parquet [--once] FILE [COLUMN...]\n");
        return 2;
    }
    const char *const *columns = (const char *const *)(argv + first + 1);
    size_t n = (size_t)(argc - first - 1);
    fm_status st =
        is_once ? once(argv[first], columns, n, &err) : measure(argv[first], columns, n, &err);
    if (st != FM_OK)
        fprintf(stderr, "benchmark parquet: %s\n", err.text);
    return fm_status_exit_code(st);
}
