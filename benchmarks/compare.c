/*
 * Time to compare two graded runs of many samples, the program started and its output thrown away:
 * reading both samples.jsonl, pairing, every test and interval with 10,000 draws, and a gate. Bar:
 * 100,000 samples in 2 s on two cores. The run directories are made in a scratch folder first: lines
 * of some 800 bytes with thirteen metrics, as 3D traces have them.
 *
 *     compare [SAMPLES [PROGRAM]]     default 100000
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"

enum { ROUNDS = 5 };

extern char **environ;

static void fail(const char *what)
{
    fprintf(stderr, "compare: cannot %s\n", what);
    exit(1);
}

static FILE *create(const char *dir, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    if (!file)
        fail("write a run");
    return file;
}

static void put_identity(const char *dir, size_t n)
{
    FILE *file = create(dir, "manifest.json");

    fputs("{\"schema\": \"fathom.manifest/1\", \"suite\": {\"name\": \"tabletop\", \"version\": "
          "\"1\", "
          "\"task\": \"tabletop-3d\", \"protocol\": \"paper\", \"protocol_version\": 1}, "
          "\"answers\": "
          "\"tuples\", \"data\": {\"dir\": \"/none\", \"annotations\": null, \"sha256\": \"0\"}, "
          "\"prompt\": null, \"adapter\": {\"name\": \"none\", \"settings\": [], \"seed\": 1, "
          "\"timeout_s\": 0, \"sees_truth\": false}, \"selection\": {}}",
          file);
    fclose(file);
    file = create(dir, "results.json");
    fprintf(
        file,
        "{\"schema\": \"fathom.results/1\", \"suite\": \"tabletop\", \"suite_version\": \"1\", "
        "\"task\": \"tabletop-3d\", \"protocol\": \"paper\", \"protocol_version\": 1, \"n\": %zu}",
        n);
    fclose(file);
}

static void put_run(const char *dir, size_t n, double right, uint64_t seed)
{
    static const char *const rates[] = {"success",   "start_ok",      "end_ok",
                                        "collision", "start_in_mask", "end_in_bbox"};
    static const char *const means[] = {
        "start_distance_m", "end_distance_m", "dfd", "hd", "rmse", "mae", "max_collision_ratio"};
    FILE *file = create(dir, "samples.jsonl");
    fm_rng rng;

    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        fprintf(file,
                "{\"id\": \"sample-%zu\", \"status\": \"ok\", \"size_source\": \"image\", "
                "\"reply\": {\"status\": \"ok\", \"text\": \"[",
                i);
        for (int k = 0; k < 8; k++)
            fprintf(file, "(%d, %d, 1.%03d), ", 100 + k, 200 + k, 300 + k);
        fputs("]\", \"finish_reason\": null, \"detail\": null}, \"answer\": {\"points\": [", file);
        for (int k = 0; k < 8; k++)
            fprintf(file, "%s[0.1%d, 0.2%d, 1.3%d]", k ? ", " : "", k, k, k);
        fputs("]}, \"metrics\": {", file);
        for (size_t k = 0; k < sizeof(rates) / sizeof(*rates); k++)
            fprintf(file, "\"%s\": %s, ", rates[k], fm_rng_unit(&rng) < right ? "true" : "false");
        for (size_t k = 0; k < sizeof(means) / sizeof(*means); k++)
            fprintf(file, "%s\"%s\": %.17g", k ? ", " : "", means[k], fm_rng_unit(&rng));
        fputs("}, \"reason\": null}\n", file);
    }
    if (fclose(file) != 0)
        fail("write a run");
    put_identity(dir, n);
}

/* Seconds of wall clock; *cpu_s those of all threads. */
static double run_once(const char *program, double *cpu_s)
{
    const char *words[] = {program,       "compare",  "base", "candidate", "--gate",
                           "noninferior", "--margin", "1pp",  NULL};
    struct rusage before, after;
    posix_spawn_file_actions_t files;
    int status;
    pid_t pid;

    getrusage(RUSAGE_CHILDREN, &before);
    double start = fm_clock_seconds();
    if (posix_spawn_file_actions_init(&files) != 0 ||
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawn(&pid, program, &files, NULL, (char *const *)(uintptr_t)words, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("run the comparison");
    double took = fm_clock_seconds() - start;
    posix_spawn_file_actions_destroy(&files);
    getrusage(RUSAGE_CHILDREN, &after);
    *cpu_s = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
             (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
             (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
             (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    return took;
}

static void remove_run(const char *dir)
{
    static const char *const names[] = {"manifest.json", "results.json", "samples.jsonl"};
    char path[256];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 100000;
    const char *program = argc > 2 ? argv[2] : FATHOM_DEFAULT_PROGRAM;
    char scratch[] = "/tmp/fathom-compare-XXXXXX";
    double cpu_s, least_s = 0;

    if (!mkdtemp(scratch) || chdir(scratch) != 0 || mkdir("base", 0777) != 0 ||
        mkdir("candidate", 0777) != 0)
        fail("make a scratch folder");
    put_run("base", n, 0.7, 1);
    put_run("candidate", n, 0.71, 2);
    for (int i = 0; i < ROUNDS; i++) {
        double took = run_once(program, &cpu_s);

        least_s = i == 0 || took < least_s ? took : least_s;
        printf("%zu samples: %.2f s wall, %.2f s of processors\n", n, took, cpu_s);
    }
    printf("fastest %.2f s (bar for 100,000: 2 s)\n", least_s);
    remove_run("base");
    remove_run("candidate");
    return chdir("/") != 0 || rmdir(scratch) != 0;
}
