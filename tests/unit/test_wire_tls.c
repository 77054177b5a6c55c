/* The client against real servers of TLS and HTTP/2, run from Debian's openssl and nghttp2-server,
 * with certificates that are made on the spot. Skipped by name where a program is missing. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/loopback.h"
#include "../support/scratch.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/size.h"
#include "wire/client.h"

#define KEY "sk-canary-0123456789abcdef"

static pid_t servers[4];
static size_t n_servers;

static void set_up(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy",   "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",     "no_proxy",
                                        "NO_PROXY",   "SSL_CERT_FILE", "SSL_CERT_DIR"};

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        unsetenv(names[i]);
    scratch_make();
}

static void tear_down(void)
{
    for (size_t i = 0; i < n_servers; i++) {
        kill(servers[i], SIGKILL);
        waitpid(servers[i], NULL, 0);
    }
    scratch_remove();
}

TestSuite(tls, .init = set_up, .fini = tear_down);

/* ---- programs ---- */

static bool has_program(const char *name)
{
    char path[512];

    for (const char *folder = getenv("PATH"); folder && *folder;) {
        size_t n = strcspn(folder, ":");

        snprintf(path, sizeof(path), "%.*s/%s", (int)n, folder, name);
        if (access(path, X_OK) == 0)
            return true;
        folder += n + (folder[n] == ':');
    }
    return false;
}

static void need(const char *name)
{
    if (!has_program(name))
        cr_skip_test("needs the program %s", name);
}

/* In the scratch folder, what it prints in `log` there; it dies with this process. */
static pid_t start(const char *const *arguments, const char *log)
{
    pid_t child = fork();

    cr_assert(child >= 0);
    if (child > 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(scratch_path(log), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int none = open("/dev/null", O_RDONLY);
    if (fd < 0 || none < 0 || dup2(none, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 ||
        chdir(scratch_dir) != 0)
        _exit(127);
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static void read_log(const char *log, fm_buf *out)
{
    fm_buf_clear(out);
    (void)!fm_file_read(scratch_path(log), 1 << 22, out, NULL);
}

/* cert.pem and key.pem, good for what `name` says: "IP:127.0.0.1". */
static void make_certificate(const char *name)
{
    char extension[128];
    int status;

    snprintf(extension, sizeof(extension), "subjectAltName=%s", name);
    const char *const arguments[] = {"openssl",
                                     "req",
                                     "-x509",
                                     "-newkey",
                                     "ec",
                                     "-pkeyopt",
                                     "ec_paramgen_curve:prime256v1",
                                     "-nodes",
                                     "-keyout",
                                     "key.pem",
                                     "-out",
                                     "cert.pem",
                                     "-days",
                                     "2",
                                     "-subj",
                                     "/CN=test",
                                     "-addext",
                                     extension,
                                     NULL};
    pid_t child = start(arguments, "openssl.log");
    cr_assert(waitpid(child, &status, 0) == child && status == 0, "openssl req failed");
}

/* openssl's server on a port of its choice; `mode` is "-www" (a page about the connection) or
 * "-HTTP" (files with whole replies). */
static int start_openssl(const char *mode)
{
    const char *const arguments[] = {"openssl",  "s_server", "-accept", "127.0.0.1:0", "-cert",
                                     "cert.pem", "-key",     "key.pem", mode,          NULL};
    double until = fm_clock_seconds() + 10;
    fm_buf text = {0};
    int port = 0;

    servers[n_servers++] = start(arguments, "server.log");
    while (port == 0 && fm_clock_seconds() < until) {
        read_log("server.log", &text);
        const char *said = strstr(fm_buf_text(&text), "ACCEPT 127.0.0.1:");
        if (said && strchr(said, '\n'))
            port = atoi(said + 17);
        else
            loopback_pause(2);
    }
    fm_buf_release(&text);
    cr_assert(port > 0, "openssl s_server does not start");
    return port;
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert(bind(fd, (struct sockaddr *)&address, size) == 0 &&
              getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool answers(int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool connected = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return connected;
}

/* nghttpd: HTTP/2 and nothing else, echoing what is posted. */
static int start_nghttpd(void)
{
    int port = free_port();
    char text[16];
    double until = fm_clock_seconds() + 10;

    snprintf(text, sizeof(text), "%d", port);
    const char *const arguments[] = {"nghttpd",       "--verbose",  "--address=127.0.0.1",
                                     "--echo-upload", "--htdocs=.", text,
                                     "key.pem",       "cert.pem",   NULL};
    servers[n_servers++] = start(arguments, "server.log");
    while (!answers(port) && fm_clock_seconds() < until)
        loopback_pause(2);
    return port;
}

/* ---- asking ---- */

static fm_wire *open_wire(const char *ca_file)
{
    fm_wire *wire = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_wire_open(&wire, &(fm_wire_config){.ca_file = ca_file}, &err), FM_OK),
              "%s", err.text);
    return wire;
}

static void send_to(fm_wire *wire, const char *method, const char *url, const char *body,
                    uint64_t ticket)
{
    const fm_wire_header header = {"X-Api-Key", KEY, true};
    fm_wire_request request = {.method = method, .url = url, .headers = &header, .n_headers = 1};
    fm_buf bytes = {0};
    fm_err err = {0};

    if (body) {
        fm_buf_puts(&bytes, body);
        request.body = &bytes;
    }
    cr_assert(eq(int, fm_wire_send(wire, &request, ticket, &err), FM_OK), "%s", err.text);
}

static fm_wire_reply next_reply(fm_wire *wire)
{
    double until = fm_clock_seconds() + 10;
    fm_wire_reply reply;
    fm_err err = {0};
    size_t n = 0;

    while (n == 0 && fm_clock_seconds() < until)
        cr_assert(eq(int, fm_wire_poll(wire, 1, &reply, 1, &n, &err), FM_OK), "%s", err.text);
    cr_assert(eq(sz, n, 1), "nothing arrived");
    return reply;
}

static fm_wire_reply get(fm_wire *wire, int port, const char *path)
{
    char url[128];

    snprintf(url, sizeof(url), "https://127.0.0.1:%d%s", port, path);
    send_to(wire, "GET", url, NULL, 1);
    return next_reply(wire);
}

/* ---- certificates ---- */

Test(tls, only_a_certificate_that_is_trusted_is_accepted)
{
    need("openssl");
    make_certificate("IP:127.0.0.1");
    int port = start_openssl("-www");

    fm_wire *wire = open_wire(NULL);
    fm_wire_reply reply = get(wire, port, "/");
    cr_assert(eq(int, reply.end, FM_WIRE_INSECURE), "%s", reply.detail);
    cr_assert(strstr(reply.detail, "certificate") != NULL, "%s", reply.detail);
    cr_assert(reply.total_s == 0, "nothing was sent");
    fm_wire_close(wire);

    wire = open_wire(scratch_path("cert.pem"));
    reply = get(wire, port, "/");
    cr_assert(reply.end == FM_WIRE_DONE && reply.status == 200, "%s", reply.detail);
    fm_wire_close(wire);

    setenv("SSL_CERT_FILE", scratch_path("cert.pem"), 1);
    wire = open_wire(NULL);
    cr_assert(eq(int, get(wire, port, "/").end, FM_WIRE_DONE));
    fm_wire_close(wire);
}

Test(tls, a_certificate_of_another_host_is_refused)
{
    need("openssl");
    make_certificate("DNS:elsewhere.example");
    fm_wire *wire = open_wire(scratch_path("cert.pem"));
    fm_wire_reply reply = get(wire, start_openssl("-www"), "/");

    cr_assert(eq(int, reply.end, FM_WIRE_INSECURE), "%s", reply.detail);
    cr_assert(strstr(reply.detail, "127.0.0.1") != NULL, "%s", reply.detail);
    fm_wire_close(wire);
}

Test(tls, a_server_without_tls_is_not_spoken_to)
{
    static const loopback_reply script[] = {{.bytes = "HTTP/1.1 200 OK\r\n\r\n"}};
    loopback *server = loopback_start(script, 1);
    fm_wire *wire = open_wire(NULL);

    /* It waits for the end of a head that never comes; what it was sent is looked at below. */
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", server->port);
    send_to(wire, "GET", url, NULL, 1);
    fm_wire_reply reply;
    fm_err err = {0};
    size_t n;
    cr_assert(eq(int, fm_wire_poll(wire, 0.05, &reply, 1, &n, &err), FM_OK));
    cr_assert(eq(sz, loopback_requests(server), 0));
    fm_wire_close(wire);
    loopback_stop(server);
}

Test(tls, a_handshake_that_is_cut_is_no_matter_of_trust)
{
    /* The head of a TLS greeting holds no empty line: close as soon as anything is connected. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    cr_assert(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 4) == 0 &&
              getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    need("openssl"); /* a system without authorities fails before anything is sent */
    make_certificate("IP:127.0.0.1");
    fm_wire *wire = open_wire(scratch_path("cert.pem"));
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", ntohs(address.sin_port));
    send_to(wire, "GET", url, NULL, 1);
    fm_wire_reply reply;
    fm_err err = {0};
    size_t n = 0;
    double until = fm_clock_seconds() + 10;
    /* Whoever else looks for a free port may come first: close every connection. */
    while (n == 0 && fm_clock_seconds() < until) {
        int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (accepted >= 0)
            close(accepted);
        cr_assert(eq(int, fm_wire_poll(wire, 0.01, &reply, 1, &n, &err), FM_OK));
    }
    cr_assert(eq(sz, n, 1), "nothing arrived");
    cr_assert(eq(int, reply.end, FM_WIRE_UNREACHED), "%s", reply.detail);
    fm_wire_close(wire);
    close(listener);
}

Test(tls, a_redirect_from_https_to_http_is_refused)
{
    static const loopback_reply script[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}};
    char moved[256];

    need("openssl");
    loopback *plain = loopback_start(script, 1);
    make_certificate("IP:127.0.0.1");
    snprintf(moved, sizeof(moved), "HTTP/1.0 307 Moved\r\nLocation: %s\r\n\r\n",
             loopback_url(plain, "/"));
    scratch_write("moved", moved, strlen(moved));
    fm_wire *wire = open_wire(scratch_path("cert.pem"));
    fm_wire_reply reply = get(wire, start_openssl("-HTTP"), "/moved");
    cr_assert(eq(int, reply.end, FM_WIRE_FAILED), "%d %s", reply.status, reply.detail);
    cr_assert(strstr(reply.detail, "not secure") != NULL, "%s", reply.detail);
    cr_assert(eq(sz, loopback_requests(plain), 0));
    fm_wire_close(wire);
    loopback_stop(plain);
}

/* ---- HTTP/2 ---- */

Test(tls, http2_carries_many_requests_over_one_connection)
{
    enum { N = 40 };
    bool seen[N] = {0};
    fm_buf log = {0}, large = {0};

    need("openssl");
    need("nghttpd");
    make_certificate("IP:127.0.0.1");
    int port = start_nghttpd();
    fm_wire *wire = open_wire(scratch_path("cert.pem"));
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/echo", port);
    for (int i = 0; i < 200000; i++) /* more than the window of a stream */
        fm_buf_putc(&large, 'x');
    for (uint64_t ticket = 0; ticket < N; ticket++) {
        char body[32];

        snprintf(body, sizeof(body), "{\"n\":%d}", (int)ticket);
        send_to(wire, "POST", url, ticket % 8 ? body : large.data, ticket);
    }
    for (size_t i = 0; i < N; i++) {
        fm_wire_reply reply = next_reply(wire);
        char body[32];

        cr_assert(reply.end == FM_WIRE_DONE && reply.status == 200, "%s", reply.detail);
        cr_assert(reply.ticket < N && !seen[reply.ticket]);
        seen[reply.ticket] = true;
        snprintf(body, sizeof(body), "{\"n\":%d}", (int)reply.ticket);
        cr_assert(strcmp(reply.body, reply.ticket % 8 ? body : large.data) == 0);
    }
    fm_wire_close(wire);
    read_log("server.log", &log);
    /* answers() was connection 1 at the latest. */
    const char *first = strstr(fm_buf_text(&log), "recv HEADERS frame");
    cr_assert(first != NULL);
    size_t headers = 0, mine = 0;
    char id[32] = "";
    for (const char *at = log.data; (at = strstr(at, "recv HEADERS frame")); at++, headers++) {
        const char *line = at;

        while (line > log.data && line[-1] != '\n')
            line--;
        if (!id[0])
            snprintf(id, sizeof(id), "%.*s", (int)strcspn(line, "]") + 1, line);
        mine += strncmp(line, id, strlen(id)) == 0;
    }
    cr_assert(headers == N && mine == N, "%zu requests, %zu over %s", headers, mine, id);
    fm_buf_release(&log);
    fm_buf_release(&large);
}

Test(tls, http2_that_dies_ends_what_is_in_flight)
{
    need("openssl");
    need("nghttpd");
    make_certificate("IP:127.0.0.1");
    int port = start_nghttpd();
    fm_wire *wire = open_wire(scratch_path("cert.pem"));
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
    send_to(wire, "POST", url, "{}", 0);
    cr_assert(eq(int, next_reply(wire).end, FM_WIRE_DONE));
    kill(servers[0], SIGSTOP);
    send_to(wire, "POST", url, "{}", 1);
    fm_wire_reply reply;
    fm_err err = {0};
    size_t n;
    cr_assert(eq(int, fm_wire_poll(wire, 0.02, &reply, 1, &n, &err), FM_OK));
    kill(servers[0], SIGKILL);
    reply = next_reply(wire);
    cr_assert(eq(int, reply.end, FM_WIRE_BROKEN), "%s", reply.detail);
    fm_wire_close(wire);
}
