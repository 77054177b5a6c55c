/* fathom mock: a scripted provider, or a cassette, on loopback. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/text.h"
#include "commands.h"
#include "mock/server.h"

/* "reset=0.05" */
static fm_status read_fault(const char *text, double rates[FM_MOCK_FAULTS], fm_err *err)
{
    const char *names[FM_MOCK_FAULTS], *equals = strchr(text, '='), *near;
    char name[32] = {0};
    double rate;
    fm_mock_fault fault;

    for (int i = 0; i < FM_MOCK_FAULTS; i++)
        names[i] = fm_mock_fault_name((fm_mock_fault)i);
    if (!equals || (size_t)(equals - text) >= sizeof(name) ||
        !fm_text_to_double(equals + 1, &rate) || rate < 0 || rate > 1)
        return fm_fail(err, FM_E_USAGE,
                       "option '--fault' wants NAME=RATE with a rate from 0 to 1, not '%s'", text);
    memcpy(name, text, (size_t)(equals - text));
    if (fm_mock_fault_from_name(name, &fault)) {
        rates[fault] = rate;
        return FM_OK;
    }
    near = fm_text_nearest(name, names, FM_MOCK_FAULTS);
    if (near)
        return fm_fail(err, FM_E_USAGE, "unknown fault '%s'; did you mean '%s'?", name, near);
    return fm_fail(err, FM_E_USAGE, "unknown fault '%s'; 'fathom mock --help' lists them", name);
}

/* The key itself is never on a command line, where other users could read it. */
static fm_status read_key(const char *variable, const char **out, fm_err *err)
{
    if (!variable)
        return FM_OK;
    *out = getenv(variable);
    if (!*out || !**out)
        return fm_fail(err, FM_E_USAGE, "variable '%s' is not set", variable);
    return FM_OK;
}

static fm_status read_number(const cli_args *args, const char *name, const char *unit, double *out,
                             fm_err *err)
{
    const char *text = cli_value(args, name);
    double value;

    if (!text)
        return FM_OK;
    if (!fm_text_to_double(text, &value) || value < 0)
        return fm_fail(err, FM_E_USAGE, "option '--%s' wants a number of %s, not '%s'", name, unit,
                       text);
    *out = value;
    return FM_OK;
}

static fm_status read_config(const cli_args *args, fm_mock_config *config, fm_err *err)
{
    uint64_t port = 0;
    fm_status st = cli_number(args, "port", 0, 65535, &port, err);

    config->port = (int)port;
    if (st == FM_OK)
        st = read_number(args, "latency", "milliseconds", &config->latency_s, err);
    if (st == FM_OK)
        st = read_number(args, "jitter", "milliseconds", &config->latency_jitter_s, err);
    for (size_t i = 0; i < args->n && st == FM_OK; i++)
        if (args->given[i].option && strcmp(args->given[i].option->name, "fault") == 0)
            st = read_fault(args->given[i].value, config->rates, err);
    if (st == FM_OK)
        st = cli_seconds(args, "retry-after", &config->retry_after_s, err);
    if (st == FM_OK)
        st = cli_number(args, "seed", 0, UINT64_MAX, &config->seed, err);
    if (st == FM_OK)
        st = read_number(args, "rate", "requests a second", &config->requests_per_second, err);
    if (st == FM_OK)
        st = read_key(cli_value(args, "require-key-env"), &config->require_key, err);
    config->latency_s /= 1e3;
    config->latency_jitter_s /= 1e3;
    config->reply = cli_value(args, "reply");
    config->replies_path = cli_value(args, "replies");
    config->cassette_path = cli_value(args, "cassette");
    config->log_path = cli_value(args, "log");
    config->cert_path = cli_value(args, "cert");
    config->key_path = cli_value(args, "key");
    return st;
}

static void print_counts(const fm_mock *mock)
{
    fm_mock_counts counts;

    fm_mock_counts_read(mock, &counts);
    printf("%llu requests, %llu replies without a fault, at most %llu in flight\n",
           (unsigned long long)counts.requests, (unsigned long long)counts.replies_ok,
           (unsigned long long)counts.most_in_flight);
    for (int i = 0; i < FM_MOCK_FAULTS; i++)
        if (counts.by_fault[i] > 0)
            printf("%-15s %llu\n", fm_mock_fault_name((fm_mock_fault)i),
                   (unsigned long long)counts.by_fault[i]);
}

static fm_status announce(const fm_mock *mock, const fm_mock_config *config, const char *port_file,
                          fm_err *err)
{
    char port[16];
    int n = snprintf(port, sizeof(port), "%d\n", fm_mock_port(mock));

    printf("listening on %s://127.0.0.1:%d\n", config->cert_path ? "https" : "http",
           fm_mock_port(mock));
    if (fflush(stdout) != 0)
        return fm_fail(err, FM_E_IO, "cannot write to standard output: %s", strerror(errno));
    return port_file ? fm_file_write_atomic(port_file, port, (size_t)n, err) : FM_OK;
}

static fm_status mock_run(const cli_args *args, fm_err *err)
{
    fm_mock_config config = {0};
    fm_mock *mock = NULL;
    sigset_t ends, before;
    int which;
    fm_status st = read_config(args, &config, err);

    if (st != FM_OK)
        return st;
    /* Blocked before the server starts, so that one that comes early is not lost. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, &before);
    st = fm_mock_start(&mock, &config, err);
    if (st == FM_OK)
        st = announce(mock, &config, cli_value(args, "port-file"), err);
    if (st == FM_OK) {
        (void)sigwait(&ends, &which);
        print_counts(mock);
    }
    fm_mock_stop(mock);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return st;
}

static const char *const description[] = {
    "Serves a scripted model on 127.0.0.1 behind the protocols of Gemini (generateContent), OpenAI "
    "(chat/completions), Anthropic (messages) and RoboTracer (query); the path says which one is "
    "meant. Prints 'listening on http://127.0.0.1:PORT' when it is ready, serves until it is "
    "interrupted, then prints what it counted.",
    "Faults are NAME=RATE, the share of requests that meet one: 429, 429-after, 429-daily, 500, "
    "503, reset, truncated, slow, empty, no-body, html, html-200, wrong-type, unknown-finish, cut, "
    "refusal, hang. Which request meets which depends on the seed, its body and how often that "
    "body came before. docs/mock.md says what each one does.",
    NULL,
};

static const cli_option options[] = {
    {.name = "port", .argument = "N", .fallback = "0", .help = "port; 0: any free one"},
    {.name = "latency", .argument = "MS", .fallback = "0", .help = "milliseconds before a reply"},
    {.name = "jitter",
     .argument = "MS",
     .fallback = "0",
     .help = "up to so many milliseconds more, drawn for each request"},
    {.name = "fault",
     .argument = "NAME=RATE",
     .help = "share of requests that meet a fault; may be given more than once",
     .repeats = true},
    {.name = "retry-after",
     .argument = "S",
     .fallback = "1",
     .help = "seconds that 429-after asks to wait"},
    {.name = "seed", .argument = "N", .fallback = "0", .help = "which requests meet the faults"},
    {.name = "reply", .argument = "TEXT", .help = "what the model says (default: a short trace)"},
    {.name = "replies",
     .argument = "FILE",
     .help = "JSON lines {\"contains\": ..., \"text\": ...}: the first that fits the prompt",
     .kind = CLI_FILE},
    {.name = "cassette",
     .argument = "FILE",
     .help = "serve recorded exchanges instead of a scripted model",
     .kind = CLI_FILE},
    {.name = "require-key-env",
     .argument = "NAME",
     .help = "refuse requests without the key that this variable holds"},
    {.name = "rate", .argument = "N", .help = "requests a second; more than these get 429-after"},
    {.name = "log",
     .argument = "FILE",
     .help = "what came in, a JSON line a request, keys removed",
     .kind = CLI_FILE},
    {.name = "port-file",
     .argument = "FILE",
     .help = "the port, written when the server is ready",
     .kind = CLI_FILE},
    {.name = "cert",
     .argument = "FILE",
     .help = "certificate (PEM): serve https",
     .kind = CLI_FILE},
    {.name = "key", .argument = "FILE", .help = "key of the certificate (PEM)", .kind = CLI_FILE},
    {0},
};

static const cli_example examples[] = {
    {"fathom mock --port 8080 --latency 20", "replies after 20 ms"},
    {"fathom mock --port 8080 --fault 429-after=0.1 --fault reset=0.02", "with some trouble"},
    {0},
};

const cli_command cli_command_mock = {
    .name = "mock",
    .summary = "a scripted provider on loopback, with faults on demand",
    .operands = "",
    .description = description,
    .options = options,
    .examples = examples,
    .run = mock_run,
};
