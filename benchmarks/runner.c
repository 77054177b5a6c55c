/**
 * What `fathom run` costs over the wire: against a bare client on libcurl's multi interface that
 * posts the same bytes and reads the replies, both to the same server, in alternating rounds.
 *
 *   runner [-n SAMPLES] [-r ROUNDS] [-l LARGE] [-p FATHOM] [-i PYTHON_MOCK]
 *
 * Each side is a process of its own, timed from its start to its end: fathom reads the data set,
 * keeps its journal, grades and writes its results; the bare client does nothing of that. `fathom
 * mock --latency 20` serves text samples and samples with pictures of 150 KB at 32 and at 256 in flight. Then follow a run of LARGE text samples for its memory, a run of
 * 1,000 samples that the response cache answers, and, with -i, the first case against the
 * independent server tests/support/mock.py.
 *
 * Bars (DESIGN): 0.85 of the bare client's rate at 32 in flight and 0.7 at 256, 0.2 ms of processor
 * time a sample, 32 MB for 100,000 text samples, with pictures 32 MB + in flight x 1.4 x their size,
 * 0.1 s for the cached run. This program stays small and forks, since a child's peak memory starts
 * with its parent's.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/size.h"
#include "mock/server.h"

enum { MAX_ROUNDS = 64, PICTURES = 16, PICTURE_SIDE = 224, CACHED = 1000 };

#define LATENCY_MS 20

typedef struct {
    double wall_s, cpu_s;
    long peak_kb;
    int code;
} cost;

static struct {
    size_t samples, large;
    int rounds;
    const char *program, *python_mock;
    char dir[FM_PATH_BYTES];
} bench = {.samples = 3000, .rounds = 5, .large = 100000, .program = FATHOM_DEFAULT_PROGRAM};

static void give_up(const char *what)
{
    fprintf(stderr, "runner: %s\n", what);
    exit(1);
}

static void require(fm_status st, const fm_err *err)
{
    if (st != FM_OK)
        give_up(err->text);
}

static const char *in_dir(const char *name)
{
    static char paths[8][FM_PATH_BYTES];
    static unsigned turn;
    char *out = paths[turn++ % 8];

    if (snprintf(out, FM_PATH_BYTES, "%s/%s", bench.dir, name) >= FM_PATH_BYTES)
        give_up("the path of the working folder is too long");
    return out;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- data ---- */

static void put_chunk(fm_buf *out, const char *type, const void *bytes, size_t size)
{
    const unsigned char length[4] = {(unsigned char)(size >> 24), (unsigned char)(size >> 16),
                                     (unsigned char)(size >> 8), (unsigned char)size};
    uLong sum = crc32(crc32(0, (const Bytef *)type, 4), bytes, (uInt)size);
    const unsigned char check[4] = {(unsigned char)(sum >> 24), (unsigned char)(sum >> 16),
                                    (unsigned char)(sum >> 8), (unsigned char)sum};

    fm_buf_append(out, length, 4);
    fm_buf_append(out, type, 4);
    fm_buf_append(out, bytes, size);
    fm_buf_append(out, check, 4);
}

/* A PNG of noise, which does not get smaller: 224 x 224 pixels take 150 KB. */
static void write_picture(const char *path, int side, uint64_t seed)
{
    const unsigned char header[13] = {
        0, 0, 0, (unsigned char)side, 0, 0, 0, (unsigned char)side, 8, 2, 0, 0, 0};
    size_t size = (size_t)side * ((size_t)side * 3 + 1);
    uLongf packed_size = compressBound(size);
    unsigned char *rows = malloc(size), *packed = malloc(packed_size);
    fm_buf png = {0};
    fm_err err = {0};
    fm_rng rng;

    if (!rows || !packed)
        give_up("no memory");
    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < size; i++)
        rows[i] = i % ((size_t)side * 3 + 1) ? (unsigned char)fm_rng_next(&rng) : 0;
    if (compress2(packed, &packed_size, rows, size, 1) != Z_OK)
        give_up("cannot pack a picture");
    fm_buf_append(&png, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(&png, "IHDR", header, sizeof(header));
    put_chunk(&png, "IDAT", packed, packed_size);
    put_chunk(&png, "IEND", "", 0);
    require(fm_buf_check(&png, "a picture", &err), &err);
    require(fm_file_write_atomic(path, png.data, png.size, &err), &err);
    fm_buf_release(&png);
    free(rows);
    free(packed);
}

/* Questions with four options, with and without a picture. Grading an answer costs next to nothing
 * here, so that what is measured is the runner. */
static void write_suite(void)
{
    static const char text[] =
        "name: speed\n"
        "title: Speed\n"
        "version: \"1\"\n"
        "summary: made by benchmarks/runner\n"
        "licence: none\n"
        "citation: none\n"
        "loader: table\n"
        "default_task: text\n"
        "tasks:\n"
        "  - name: text\n"
        "    title: Text\n"
        "    kind: choice\n"
        "    protocols: [{name: letter, summary: the first letter, grader: choice, extract: "
        "letter_first}]\n"
        "    prompt: \"{task} Answer with the letter of the right option alone.\"\n"
        "    data:\n"
        "      files: [\"text.jsonl\"]\n"
        "      columns: {id: id, instruction: question, options: 4}\n"
        "      truth: {column: answer, as: letter}\n"
        "  - name: pictures\n"
        "    title: Pictures\n"
        "    kind: choice\n"
        "    protocols: [{name: letter, summary: the first letter, grader: choice, extract: "
        "letter_first}]\n"
        "    prompt: \"{task} Answer with the letter of the right option alone.\"\n"
        "    data:\n"
        "      files: [\"pictures.jsonl\"]\n"
        "      columns: {id: id, instruction: question, options: 4, images: [image], "
        "image_root: .}\n"
        "      truth: {column: answer, as: letter}\n";
    fm_err err = {0};

    require(fm_dir_make(in_dir("suites/speed"), &err), &err);
    require(fm_file_write_atomic(in_dir("suites/speed/suite.yaml"), text, strlen(text), &err),
            &err);
    setenv("FATHOM_SUITES", in_dir("suites"), 1);
}

static void write_pictures(const char *folder)
{
    char path[FM_PATH_BYTES + 64];
    fm_err err = {0};

    require(fm_dir_make(in_dir(folder), &err), &err);
    for (int i = 0; i < PICTURES; i++) {
        snprintf(path, sizeof(path), "%s/%d.png", in_dir(folder), i);
        write_picture(path, PICTURE_SIDE, (uint64_t)i);
    }
}

/* The rows of one task, in the folder `data`. */
static void write_rows(const char *data, const char *task, size_t n)
{
    char path[FM_PATH_BYTES + 64];
    fm_file_writer writer;
    fm_err err = {0};

    require(fm_dir_make(in_dir(data), &err), &err);
    snprintf(path, sizeof(path), "%s/%s.jsonl", in_dir(data), task);
    require(fm_file_writer_begin(&writer, path, &err), &err);
    for (size_t i = 0; i < n; i++)
        fprintf(
            writer.stream,
            "{\"id\": \"%zu\", \"question\": \"Where does cup %zu stand? (A) on the left (B) on "
            "the right (C) in front (D) behind\", \"answer\": \"%c\", \"image\": \"%zu.png\"}\n",
            i, i, 'A' + (char)(i % 4), i % PICTURES);
    require(fm_file_writer_commit(&writer, &err), &err);
}

/* ---- processes ---- */

static pid_t start(const char *const *argv, const char *out)
{
    pid_t pid = fork();

    if (pid < 0)
        give_up("cannot fork");
    if (pid == 0) {
        int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
            _exit(126);
        execvp(argv[0], (char *const *)(uintptr_t)argv); /* exec writes to neither */
        _exit(127);
    }
    return pid;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static cost finish(pid_t pid, double started)
{
    struct rusage used;
    cost c = {0};
    int status;

    if (wait4(pid, &status, 0, &used) != pid)
        give_up("a process is lost");
    c.wall_s = fm_clock_seconds() - started;
    c.cpu_s = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    c.peak_kb = used.ru_maxrss;
    c.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return c;
}

typedef struct {
    pid_t pid;
    char url[64];
} server;

/* Either server writes its port into a file when it listens. */
static server start_server(const char *const *argv)
{
    const char *port_file = in_dir("port");
    server s = {0};
    fm_buf port = {0};

    (void)unlink(port_file);
    s.pid = start(argv, in_dir("server.txt"));
    for (int i = 0; i < 500 && !fm_file_exists(port_file); i++)
        usleep(10000);
    if (fm_file_read(port_file, 64, &port, NULL) != FM_OK)
        give_up("the server does not start");
    snprintf(s.url, sizeof(s.url), "http://127.0.0.1:%ld/v1", strtol(port.data, NULL, 10));
    fm_buf_release(&port);
    return s;
}

static server start_mock(void)
{
    char latency[16];

    snprintf(latency, sizeof(latency), "%d", LATENCY_MS);
    return start_server((const char *const[]){bench.program, "mock", "--latency", latency,
                                              "--reply", "(B)", "--port-file", in_dir("port"),
                                              NULL});
}

static cost stop_server(const server *s)
{
    kill(s->pid, SIGTERM);
    return finish(s->pid, fm_clock_seconds());
}

/* ---- the bare client ---- */

static size_t drop(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes, (void)context;
    return size * n;
}

/* Posts `body` n times with so many in flight, and exits. */
static void bare_client(const char *url, const fm_buf *body, size_t n, int in_flight)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURLM *multi = curl_multi_init();
    size_t sent = 0, done = 0;
    int running;

    headers = curl_slist_append(headers, "Expect:");
    for (; sent < (size_t)in_flight && sent < n; sent++) {
        CURL *easy = curl_easy_init();

        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->data);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
        curl_multi_add_handle(multi, easy);
    }
    while (done < n) {
        CURLMsg *message;
        int left;

        if (curl_multi_perform(multi, &running) != CURLM_OK)
            _exit(1);
        while ((message = curl_multi_info_read(multi, &left))) {
            CURL *easy = message->easy_handle;
            long status = 0;

            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            if (message->data.result != CURLE_OK || status != 200)
                _exit(1);
            done++;
            curl_multi_remove_handle(multi, easy);
            if (sent < n) {
                sent++;
                curl_multi_add_handle(multi, easy);
            }
        }
        if (done < n)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    _exit(0);
}

static cost run_bare(const server *s, const fm_buf *body, size_t n, int in_flight)
{
    double started = fm_clock_seconds();
    char url[128];
    pid_t pid;

    snprintf(url, sizeof(url), "%s/chat/completions", s->url);
    fflush(stdout);
    pid = fork();
    if (pid < 0)
        give_up("cannot fork");
    if (pid == 0)
        bare_client(url, body, n, in_flight);
    return finish(pid, started);
}

/* ---- fathom ---- */

static cost run_fathom(const char *url, const char *data, const char *task, size_t n, int in_flight,
                       const char *cache_dir)
{
    char base[96], limit[32], flight[16];
    const char *argv[32] = {bench.program, "run",           task,         "--data",
                            in_dir(data),  "--adapter",     "openai",     "--model",
                            "m",           "--set",         base,         "--limit",
                            limit,         "--concurrency", flight,       "--concurrency-start",
                            flight,        "--out",         in_dir("run")};
    double started;

    snprintf(base, sizeof(base), "base_url=%s", url);
    snprintf(limit, sizeof(limit), "%zu", n);
    snprintf(flight, sizeof(flight), "%d", in_flight);
    for (int i = 0; cache_dir && i < 32; i++)
        if (!argv[i]) {
            argv[i] = "--cache-dir";
            argv[i + 1] = cache_dir;
            break;
        }
    remove_tree(in_dir("run"));
    started = fm_clock_seconds();
    cost c = finish(start(argv, in_dir("fathom.txt")), started);
    if (c.code != 0) {
        fprintf(stderr, "runner: 'fathom run' left with %d; its words are in %s\n", c.code,
                in_dir("fathom.txt"));
        exit(1);
    }
    return c;
}

/* The last run graded again: what of it was not asking. */
static cost grade_again(void)
{
    const char *argv[] = {bench.program, "score", in_dir("run"), NULL};
    double started = fm_clock_seconds();

    return finish(start(argv, in_dir("score.txt")), started);
}

/* What fathom sends for the first sample: a server in this process keeps it in its log. */
static void capture_body(const char *task, fm_buf *body)
{
    fm_mock_config config = {.log_path = in_dir("log")};
    fm_buf log = {0};
    fm_err err = {0};
    fm_mock *mock;
    cJSON *line;
    char url[64];

    require(fm_mock_start(&mock, &config, &err), &err);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", fm_mock_port(mock));
    (void)run_fathom(url, "data", task, 1, 1, NULL);
    fm_mock_stop(mock);
    require(fm_file_read(config.log_path, (size_t)64 << 20, &log, &err), &err);
    require(fm_json_parse(log.data, log.size, "the log", &line, &err), &err);
    const char *text = fm_json_string(line, "body");
    if (!text)
        give_up("the log holds no body");
    fm_buf_puts(body, text);
    require(fm_buf_check(body, "a body", &err), &err);
    cJSON_Delete(line);
    fm_buf_release(&log);
}

/* ---- measuring ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts. */
static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void compare(const char *what, const server *s, const char *task, int in_flight, double bar,
                    double peak_bar_mb)
{
    double bare[MAX_ROUNDS], fathom[MAX_ROUNDS], ratio[MAX_ROUNDS], cpu[MAX_ROUNDS],
        bare_cpu[MAX_ROUNDS];
    double n = (double)bench.samples;
    fm_buf body = {0};
    long peak_kb = 0;

    capture_body(task, &body);
    (void)run_bare(s, &body, bench.samples / 4, in_flight);
    for (int i = 0; i < bench.rounds; i++) {
        cost a, b;

        /* Which one goes first changes from round to round. */
        if (i % 2)
            b = run_fathom(s->url, "data", task, bench.samples, in_flight, NULL);
        a = run_bare(s, &body, bench.samples, in_flight);
        if (a.code != 0)
            give_up("the bare client failed");
        if (i % 2 == 0)
            b = run_fathom(s->url, "data", task, bench.samples, in_flight, NULL);
        bare[i] = n / a.wall_s;
        fathom[i] = n / b.wall_s;
        ratio[i] = fathom[i] / bare[i];
        cpu[i] = b.cpu_s / n * 1e3;
        bare_cpu[i] = a.cpu_s / n * 1e3;
        if (b.peak_kb > peak_kb)
            peak_kb = b.peak_kb;
        printf("  round %d: bare %6.0f/s, fathom %6.0f/s, ratio %.3f, cpu a sample %.3f ms (bare "
               "%.3f)\n",
               i + 1, bare[i], fathom[i], ratio[i], cpu[i], bare_cpu[i]);
        fflush(stdout);
    }
    cost graded = grade_again();
    printf("  grading again: %.2f s, cpu a sample %.3f ms\n", graded.wall_s,
           graded.cpu_s / n * 1e3);
    printf("%s, %d in flight, bodies of %zu bytes: bare %.0f/s, fathom %.0f/s; ratio %.3f (bar "
           "%.2f), cpu a sample %.3f ms (bar 0.2; bare %.3f), peak %.1f MB (bar %.0f)\n\n",
           what, in_flight, body.size, median(bare, bench.rounds), median(fathom, bench.rounds),
           median(ratio, bench.rounds), bar, median(cpu, bench.rounds),
           median(bare_cpu, bench.rounds), (double)peak_kb / 1024, peak_bar_mb);
    fflush(stdout);
    fm_buf_release(&body);
}

static double picture_bar_mb(int in_flight)
{
    return 32 + in_flight * 1.4 * 150 / 1024;
}

static void measure_large(void)
{
    server s = start_mock();
    cost c;

    write_rows("large", "text", bench.large);
    c = run_fathom(s.url, "large", "text", bench.large, 256, NULL);
    printf("%zu text samples, 256 in flight: %.1f s, %.0f/s, cpu a sample %.3f ms, peak %.1f MB "
           "(bar 32 for 100,000)\n",
           bench.large, c.wall_s, (double)bench.large / c.wall_s,
           c.cpu_s / (double)bench.large * 1e3, (double)c.peak_kb / 1024);
    (void)stop_server(&s);
}

static void measure_cached(void)
{
    const char *cache = in_dir("cache");
    server s = start_mock();
    double seconds[MAX_ROUNDS];

    (void)run_fathom(s.url, "data", "text", CACHED, 64, cache);
    for (int i = 0; i < bench.rounds; i++)
        seconds[i] = run_fathom(s.url, "data", "text", CACHED, 64, cache).wall_s;
    printf("%d samples from the response cache: median %.3f s of %d (bar 0.1)\n", CACHED,
           median(seconds, bench.rounds), bench.rounds);
    (void)stop_server(&s);
}

static void read_words(int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "n:r:l:p:i:")) != -1) {
        switch (letter) {
        case 'n':
            bench.samples = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            bench.rounds = (int)strtol(optarg, NULL, 10);
            break;
        case 'l':
            bench.large = strtoul(optarg, NULL, 10);
            break;
        case 'p':
            bench.program = optarg;
            break;
        case 'i':
            bench.python_mock = optarg;
            break;
        default:
            give_up("usage: runner [-n SAMPLES] [-r ROUNDS] [-l LARGE] [-p FATHOM] [-i MOCK]");
        }
    }
    if (bench.samples < CACHED || bench.rounds < 1 || bench.rounds > MAX_ROUNDS)
        give_up("-n wants 1000 or more, -r from 1 to 64");
}

int main(int argc, char **argv)
{
    const char *base = getenv("TMPDIR");
    server s;

    read_words(argc, argv);
    snprintf(bench.dir, sizeof(bench.dir), "%s/fathom-bench-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(bench.dir))
        give_up("cannot make a working folder");
    write_suite();
    write_rows("data", "text", bench.samples);
    write_rows("data", "pictures", bench.samples);
    write_pictures("data");

    s = start_mock();
    compare("text", &s, "text", 32, 0.85, 32);
    compare("text", &s, "text", 256, 0.7, 32);
    compare("pictures", &s, "pictures", 32, 0.85, picture_bar_mb(32));
    compare("pictures", &s, "pictures", 256, 0.7, picture_bar_mb(256));
    cost used = stop_server(&s);
    printf("the server: %.1f s of processor time in all\n\n", used.cpu_s);
    if (bench.python_mock) {
        s = start_server((const char *const[]){"python3", bench.python_mock, "--latency", "20",
                                               "--port-file", in_dir("port"), NULL});
        compare("text, independent server", &s, "text", 32, 0.85, 32);
        (void)stop_server(&s);
    }
    measure_cached();
    if (bench.large > 0)
        measure_large();
    remove_tree(bench.dir);
    return 0;
}
