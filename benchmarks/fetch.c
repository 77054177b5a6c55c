/* What `fathom fetch` makes of a line that is as fast as the machine: one large file from a hub on
 * loopback, against `curl -o`, in turns in one run. fathom also lists, follows the redirect and
 * compares the SHA-256. Prints median rates, their ratio, and the most memory that fathom held.
 * Usage: fetch [-m MEGABYTES] [-r ROUNDS] [PROGRAM] */
#include <fcntl.h>
#include <ftw.h>
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
#include "support/hub.h"

enum { MAX_ROUNDS = 99 };

extern char **environ;

static char folder[64];

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), ascending);
    return values[n / 2];
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

/* Seconds; *peak_kb: the most memory that it held. */
static double run(const char *const *words, long *peak_kb)
{
    posix_spawn_file_actions_t files;
    struct rusage used;
    double start = fm_clock_seconds();
    int status;
    pid_t pid;

    if (posix_spawn_file_actions_init(&files) != 0 ||
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawnp(&pid, words[0], &files, NULL, (char *const *)(uintptr_t)words, environ) != 0 ||
        wait4(pid, &status, 0, &used) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "'%s' does not run\n", words[0]);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&files);
    *peak_kb = used.ru_maxrss;
    return fm_clock_seconds() - start;
}

static void write_suite(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f ||
        fputs("name: one\ntitle: One\nversion: \"1\"\nsummary: a file\nlicence: none\n"
              "citation: none\nhub: {repository: a/b, files: [large]}\nloader: table\n"
              "default_task: one\ntasks:\n  - name: one\n    title: one\n    kind: choice\n"
              "    prompt: \"{task}\"\n    data: {files: [large]}\n    protocols:\n"
              "      - {name: p, summary: p, grader: choice, extract: letter_tail}\n",
              f) < 0 ||
        fclose(f) != 0) {
        fprintf(stderr, "cannot write '%s'\n", path);
        exit(1);
    }
}

/* The environment of the program, and the suite that it is to fetch. */
static void prepare(const hub *server)
{
    char path[128];

    snprintf(folder, sizeof(folder), "/tmp/fathom-fetch-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder) != 0 || mkdir("suites", 0777) != 0 ||
        mkdir("suites/one", 0777) != 0) {
        fprintf(stderr, "cannot make a folder below /tmp\n");
        exit(1);
    }
    write_suite("suites/one/suite.yaml");
    snprintf(path, sizeof(path), "%s/suites", folder);
    setenv("FATHOM_SUITES", path, 1);
    snprintf(path, sizeof(path), "%s/cache", folder);
    setenv("FATHOM_CACHE", path, 1);
    snprintf(path, sizeof(path), "%s/hf", folder);
    setenv("HF_HOME", path, 1);
    unsetenv("HF_HUB_CACHE");
    unsetenv("HF_HUB_OFFLINE");
    setenv("HF_ENDPOINT", loopback_url(server->front, ""), 1);
    setenv("no_proxy", "127.0.0.1", 1);
}

int main(int argc, char **argv)
{
    static hub server = {.repository = "a/b"};
    double ours[MAX_ROUNDS], theirs[MAX_ROUNDS];
    size_t megabytes = 256;
    long peak_kb = 0, most_kb = 0;
    char hash[FM_HASH_TEXT_BYTES];
    int option, rounds = 5;

    while ((option = getopt(argc, argv, "m:r:")) != -1) {
        if (option == 'm')
            megabytes = strtoul(optarg, NULL, 10);
        else if (option == 'r')
            rounds = atoi(optarg);
        else
            return 2;
    }
    if (megabytes < 1 || megabytes > 65536 || rounds < 1 || rounds > MAX_ROUNDS)
        return 2;
    const char *program = optind < argc ? argv[optind] : FATHOM_DEFAULT_PROGRAM;
    char *bytes = calloc(megabytes, 1 << 20);
    if (!bytes)
        return 1;
    hub_add(&server, "large", bytes, megabytes << 20, true);
    hub_hash(&server.files[0], hash);
    server.files[0].hash = hash; /* once, and not while the clock runs */
    hub_start(&server);
    prepare(&server);
    char url[256];
    snprintf(url, sizeof(url), "%s", loopback_url(server.cdn, "/cdn/large"));
    for (int i = 0; i < rounds; i++) {
        theirs[i] = run((const char *[]){"curl", "-s", "-o", "theirs", url, NULL}, &peak_kb);
        unlink("theirs");
        ours[i] = run((const char *[]){program, "fetch", "one", NULL}, &peak_kb);
        most_kb = peak_kb > most_kb ? peak_kb : most_kb;
        (void)nftw("hf", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        (void)nftw("cache", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    double mine = (double)megabytes / median(ours, rounds);
    double curls = (double)megabytes / median(theirs, rounds);
    printf("%zu MiB, %d rounds in turns: fathom fetch %.0f MiB/s, curl -o %.0f MiB/s, ratio %.2f; "
           "peak memory %.1f MiB\n",
           megabytes, rounds, mine, curls, mine / curls, (double)most_kb / 1024);
    (void)!chdir("/");
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    hub_stop(&server);
    free(bytes);
    return 0;
}
