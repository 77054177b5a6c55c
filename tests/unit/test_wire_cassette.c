/* Cassettes: what is written of an exchange and what is not, what is found again, and a client that
 * records and plays. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <unistd.h>

#include "../support/loopback.h"
#include "../support/scratch.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "wire/cassette.h"
#include "wire/secrets.h"

#define KEY "sk-canary+0123456789/abcdef"

TestSuite(cassette, .init = scratch_make, .fini = scratch_remove);

static const fm_wire_header asking[] = {{"Content-Type", "application/json", false},
                                        {"Authorization", "Bearer " KEY, true}};

static fm_wire_request request_to(const char *url)
{
    return (fm_wire_request){
        .method = "POST", .url = url, .headers = asking, .n_headers = FM_COUNT_OF(asking)};
}

static fm_cassette_reply reply_with(const char *body)
{
    return (fm_cassette_reply){
        .status = 200, .body = body, .size = strlen(body), .first_byte_s = 0.5, .total_s = 0.75};
}

static fm_cassette *record(void)
{
    fm_cassette *cassette = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_cassette_record(&cassette, scratch_path("c.jsonl"), &err), FM_OK), "%s",
              err.text);
    return cassette;
}

static void add(fm_cassette *cassette, const fm_wire_request *request, const char *body,
                const fm_cassette_reply *reply)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_cassette_add(cassette, request, body, strlen(body), reply, &err), FM_OK),
              "%s", err.text);
}

static void close_cassette(fm_cassette *cassette)
{
    cr_assert(eq(int, fm_cassette_close(cassette, NULL), FM_OK));
}

static fm_cassette *load(size_t exchanges)
{
    fm_cassette *cassette = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_cassette_load(&cassette, scratch_path("c.jsonl"), &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(sz, fm_cassette_exchanges(cassette), exchanges));
    return cassette;
}

static bool find(fm_cassette *cassette, const char *path, const char *body, fm_cassette_reply *out)
{
    bool found;
    fm_err err = {0};

    cr_assert(eq(int,
                 fm_cassette_find(cassette, "POST", path, body, strlen(body), out, &found, &err),
                 FM_OK),
              "%s", err.text);
    return found;
}

static void read_file(fm_buf *out)
{
    cr_assert(eq(int, fm_file_read(scratch_path("c.jsonl"), 1 << 22, out, NULL), FM_OK));
}

/* ---- what is found again ---- */

Test(cassette, equal_requests_are_answered_in_their_order)
{
    const fm_wire_request here = request_to("https://a.example/v1/x?y=1"),
                          there = request_to("https://a.example/v1/z");
    const fm_cassette_reply first = {.end = FM_WIRE_BROKEN, .detail = "it broke", .status = 200},
                            second = reply_with("two"), third = reply_with("three");
    fm_cassette_reply reply;
    fm_cassette *cassette = record();

    add(cassette, &here, "{}", &first);
    add(cassette, &there, "{}", &third);
    add(cassette, &here, "{}", &second);
    add(cassette, &here, "{\"other\":1}", &third);
    close_cassette(cassette);
    cassette = load(4);
    cr_assert(find(cassette, "/v1/x?y=1", "{}", &reply));
    cr_assert(reply.end == FM_WIRE_BROKEN && strcmp(reply.detail, "it broke") == 0);
    cr_assert(reply.size == 0 && reply.n_headers == 0);
    cr_assert(find(cassette, "/v1/x?y=1", "{}", &reply));
    cr_assert(reply.end == FM_WIRE_DONE && reply.status == 200 && reply.detail == NULL);
    cr_assert(eq(str, (char *)reply.body, "two"));
    cr_assert(reply.first_byte_s == 0.5 && reply.total_s == 0.75);
    cr_assert(find(cassette, "/v1/x?y=1", "{}", &reply) == false);
    cr_assert(find(cassette, "/v1/x?y=1", "{\"other\":1}", &reply));
    cr_assert(find(cassette, "/v1/x", "{}", &reply) == false);
    cr_assert(find(cassette, "/v1/z", "{}", &reply));
    close_cassette(cassette);
}

Test(cassette, bodies_of_any_bytes_and_headers_come_back)
{
    static const char bytes[] = "a\0b\xff\n";
    const fm_wire_header headers[] = {{"X-Request-Id", "r1", false},
                                      {"Content-Length", "5", false},
                                      {"Content-Encoding", "gzip", false},
                                      {"Retry-After", "\"7\"", false}};
    const fm_wire_request request = request_to("https://a.example/");
    fm_cassette_reply reply = {.status = 429,
                               .headers = headers,
                               .n_headers = FM_COUNT_OF(headers),
                               .body = bytes,
                               .size = sizeof(bytes) - 1};
    fm_cassette *cassette = record();

    add(cassette, &request, "{}", &reply);
    close_cassette(cassette);
    cassette = load(1);
    cr_assert(find(cassette, "/", "{}", &reply));
    cr_assert(eq(int, reply.status, 429));
    cr_assert(reply.size == sizeof(bytes) - 1 && memcmp(reply.body, bytes, reply.size) == 0);
    cr_assert(eq(sz, reply.n_headers, 2), "those of the body's way are left out");
    cr_assert(eq(str, (char *)reply.headers[1].name, "Retry-After"));
    cr_assert(eq(str, (char *)reply.headers[1].value, "\"7\""));
    close_cassette(cassette);
}

/* ---- what is written ---- */

Test(cassette, pictures_are_written_as_size_and_hash)
{
    static const char body[] = "{\"image\":\"QUJDREVG\",\"more\":\"SElKS0xN\",\"text\":1}";
    const fm_wire_span spans[] = {{10, 8}, {28, 8}};
    fm_wire_request request = request_to("https://a.example/v1");
    fm_cassette_reply reply = reply_with("ok");
    fm_cassette *cassette = record();
    char hash[FM_HASH_TEXT_BYTES];
    fm_buf text = {0};
    cJSON *tree;

    request.spans = spans;
    request.n_spans = FM_COUNT_OF(spans);
    add(cassette, &request, body, &reply);
    close_cassette(cassette);
    read_file(&text);
    cr_assert(strstr(text.data, "QUJDREVG") == NULL && !strstr(text.data, "SElKS0xN"), "%s",
              text.data);
    cr_assert(eq(int, fm_json_parse(text.data, text.size - 1, "line", &tree, NULL), FM_OK));
    const cJSON *written = fm_json_get(tree, "request");
    fm_hash_bytes(body, strlen(body), hash);
    cr_assert(eq(str, (char *)fm_json_string(written, "body_sha256"), hash));
    const cJSON *parts = fm_json_get(written, "body");
    cr_assert(eq(int, cJSON_GetArraySize(parts), 5));
    cr_assert(
        eq(str, (char *)fm_json_string(cJSON_GetArrayItem(parts, 0), "text"), "{\"image\":\""));
    cr_assert(eq(dbl, fm_json_number(cJSON_GetArrayItem(parts, 1), "bytes", 0), 8));
    fm_hash_bytes("SElKS0xN", 8, hash);
    cr_assert(eq(str, (char *)fm_json_string(cJSON_GetArrayItem(parts, 3), "sha256"), hash));
    cr_assert(
        eq(str, (char *)fm_json_string(cJSON_GetArrayItem(parts, 4), "text"), "\",\"text\":1}"));
    cJSON_Delete(tree);
    fm_buf_release(&text);
    cassette = load(1);
    cr_assert(find(cassette, "/v1", body, &reply), "the whole body is what matches");
    close_cassette(cassette);
}

/* Everywhere a server or a caller could put it, in each of its forms. */
Test(cassette, a_key_is_nowhere_in_it)
{
    char echo[1024], url[512];
    fm_buf text = {0}, encoded[3] = {0};
    const fm_wire_header headers[] = {{"X-Echo", "you sent " KEY, false},
                                      {"X-" KEY, "as a name", false},
                                      {"Set-Cookie", "session=1234567", false}};
    fm_cassette_reply reply = {.end = FM_WIRE_DONE,
                               .detail = "refused: " KEY,
                               .status = 200,
                               .headers = headers,
                               .n_headers = FM_COUNT_OF(headers)};
    fm_cassette *cassette = record();

    for (size_t before = 0; before < 3; before++) {
        fm_buf plain = {0};

        fm_buf_append(&plain, "zz", before);
        fm_buf_puts(&plain, KEY "zz");
        fm_base64_encode(&encoded[before], plain.data, plain.size);
        fm_buf_release(&plain);
    }
    snprintf(echo, sizeof(echo), "\xff%s %s %s %s %s", KEY, "sk-canary%2B0123456789%2Fabcdef",
             encoded[0].data, encoded[1].data, encoded[2].data);
    reply.body = echo;
    reply.size = strlen(echo);
    snprintf(url, sizeof(url), "https://a.example/v1?key=%s", "sk-canary%2B0123456789%2Fabcdef");
    fm_wire_request request = request_to(url);
    add(cassette, &request, "my key is " KEY, &reply);
    close_cassette(cassette);

    cassette = load(1);
    cr_assert(find(cassette, "/v1?key=<removed>", "my key is " KEY, &reply));
    read_file(&text);
    fm_buf_append(&text, reply.body, reply.size); /* in the file it stands in base64 */
    cr_assert(strstr(text.data, "canary") == NULL && !strstr(text.data, "1234567"), "%s",
              text.data);
    for (size_t before = 0; before < 3; before++) {
        /* The middle of each encoding holds nothing but the key. */
        encoded[before].data[encoded[before].size - 8] = '\0';
        cr_assert(strstr(text.data, encoded[before].data + 4) == NULL, "%zu: %s", before,
                  text.data);
        fm_buf_release(&encoded[before]);
    }
    cr_assert(strstr(text.data, "[\"Authorization\", \"<removed>\"]") != NULL, "%s", text.data);
    fm_buf_release(&text);
    close_cassette(cassette);
}

Test(cassette, short_values_are_no_keys)
{
    fm_secrets secrets = {0};
    fm_buf out = {0};

    cr_assert(fm_secrets_add(&secrets, "Bearer EMPTY"));
    fm_secrets_scrub(&secrets, &out, "EMPTY Bearer EMPTY", 18);
    cr_assert(eq(str, (char *)fm_buf_text(&out), "EMPTY <removed>"));
    fm_buf_release(&out);
    fm_secrets_release(&secrets);
}

Test(cassette, overlapping_secrets_go_whole)
{
    static const char text[] = "abcdefgh abcdefghij xabcdefghijabcdefgh";
    fm_secrets secrets = {0};
    fm_buf out = {0};

    cr_assert(fm_secrets_add(&secrets, "abcdefgh") && fm_secrets_add(&secrets, "abcdefghij"));
    fm_secrets_scrub(&secrets, &out, text, strlen(text));
    cr_assert(eq(str, (char *)fm_buf_text(&out), "<removed> <removed> x<removed><removed>"));
    fm_buf_release(&out);
    fm_secrets_release(&secrets);
}

/* ---- files ---- */

Test(cassette, a_torn_end_is_passed_over_and_dropped)
{
    const fm_wire_request request = request_to("https://a.example/");
    const fm_cassette_reply reply = reply_with("ok");
    fm_cassette_reply found;
    fm_cassette *cassette = record();
    fm_buf text = {0};

    add(cassette, &request, "1", &reply);
    add(cassette, &request, "2", &reply);
    close_cassette(cassette);
    read_file(&text);
    size_t first = (size_t)(strchr(text.data, '\n') + 1 - text.data);
    for (size_t cut = first + 1; cut < text.size - 1; cut += 7) {
        scratch_write("c.jsonl", text.data, cut);
        close_cassette(load(1));
        cassette = record();
        add(cassette, &request, "3", &reply);
        close_cassette(cassette);
        cassette = load(2);
        cr_assert(find(cassette, "/", "1", &found) && find(cassette, "/", "3", &found));
        close_cassette(cassette);
    }
    fm_buf_release(&text);
}

Test(cassette, nobodys_file_is_written_over)
{
    static const char words[] = "my thesis\n";
    fm_cassette *cassette = NULL;
    fm_buf text = {0};
    fm_err err = {0};

    scratch_write("c.jsonl", words, sizeof(words) - 1);
    cr_assert(eq(int, fm_cassette_record(&cassette, scratch_path("c.jsonl"), &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "c.jsonl' is no cassette") != NULL, "%s", err.text);
    read_file(&text);
    cr_assert(eq(str, (char *)text.data, (char *)words));
    fm_buf_release(&text);
}

Test(cassette, two_do_not_record_to_one_file)
{
    fm_cassette *first = record(), *second = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_cassette_record(&second, scratch_path("c.jsonl"), &err), FM_E_LOCKED));
    close_cassette(first);
}

static const struct {
    const char *line, *says;
} bad[] = {
    {"nonsense", "line 1: it: not JSON"},
    {"{}", "line 1: its schema is not fathom.cassette/1"},
    {"{\"schema\":\"fathom.cassette/2\"}", "its schema"},
    {"{\"schema\":\"fathom.cassette/1\",\"request\":7}", "no method"},
    {"{\"schema\":\"fathom.cassette/1\",\"request\":{\"method\":\"POST\",\"path\":\"/\"}}",
     "no body_sha256"},
    {"\n{\"schema\":\"fathom.cassette/1\",\"request\":{\"method\":\"POST\",\"path\":\"/\","
     "\"body_sha256\":\"0123456789012345678901234567890123456789012345678901234567890123\"},"
     "\"reply\":{\"end\":\"well\"}}",
     "line 2: the reply has no known end"},
};

Test(cassette, what_is_wrong_with_a_line_is_named)
{
    fm_cassette *cassette = NULL;
    fm_err err = {0};

    for (size_t i = 0; i < FM_COUNT_OF(bad); i++) {
        char text[512];

        snprintf(text, sizeof(text), "%s\n", bad[i].line);
        scratch_write("c.jsonl", text, strlen(text));
        cr_assert(eq(int, fm_cassette_load(&cassette, scratch_path("c.jsonl"), &err), FM_E_INPUT));
        cr_assert(strstr(err.text, bad[i].says) && strstr(err.text, "c.jsonl"), "%s", err.text);
    }
    cr_assert(eq(int, fm_cassette_load(&cassette, scratch_path("absent"), &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "absent'") != NULL, "%s", err.text);
}

Test(cassette, a_full_disk_is_told)
{
    const fm_wire_request request = request_to("https://a.example/");
    const fm_cassette_reply reply = reply_with("ok");
    fm_cassette *cassette = NULL;
    fm_err err = {0};

    if (access("/dev/full", W_OK) != 0)
        cr_skip_test("needs /dev/full");
    cr_assert(eq(int, fm_cassette_record(&cassette, "/dev/full", &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_cassette_add(cassette, &request, "{}", 2, &reply, &err), FM_E_IO));
    cr_assert(strstr(err.text, "No space left") != NULL, "%s", err.text);
    close_cassette(cassette);
}

/* ---- a client that records, and one that plays ---- */

static void send_numbered(fm_wire *wire, const char *url, uint64_t ticket)
{
    fm_wire_request request = request_to(url);
    fm_buf body = {0};
    fm_err err = {0};

    fm_buf_printf(&body, "{\"n\":%d}", (int)(ticket % 3));
    request.body = &body;
    cr_assert(eq(int, fm_wire_send(wire, &request, ticket, &err), FM_OK), "%s", err.text);
}

/* Ask one after the other; what came back is written as one line an exchange. */
static void ask_all(fm_wire *wire, const char *url, size_t n, fm_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        double until = fm_clock_seconds() + 10;
        fm_wire_reply reply;
        fm_err err = {0};
        size_t got = 0;

        send_numbered(wire, url, i);
        while (got == 0 && fm_clock_seconds() < until)
            cr_assert(eq(int, fm_wire_poll(wire, 1, &reply, 1, &got, &err), FM_OK), "%s", err.text);
        cr_assert(eq(sz, got, 1));
        const char *id = fm_wire_header_value(&reply, "x-request-id");
        fm_buf_printf(out, "%zu %d %d %.9g %.9g %s [%s] %s\n", (size_t)reply.ticket, (int)reply.end,
                      reply.status, reply.first_byte_s, reply.total_s, id ? id : "-",
                      reply.end == FM_WIRE_DONE ? reply.body : "",
                      reply.detail ? reply.detail : "-");
    }
}

Test(cassette, what_was_recorded_is_played_again_without_a_network)
{
    static const loopback_reply script[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nX-Request-Id: a\r\nContent-Length: 1\r\n\r\n1"},
        {.bytes = "HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .after = LOOPBACK_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nX-Request-Id: d\r\nContent-Length: 1\r\n\r\n4"}};
    loopback *server = loopback_start(script, FM_COUNT_OF(script));
    fm_buf live = {0}, played = {0}, again = {0};
    fm_wire *wire = NULL;
    fm_err err = {0};
    char url[256];

    snprintf(url, sizeof(url), "%s", loopback_url(server, "/v1"));
    cr_assert(
        eq(int,
           fm_wire_open(&wire, &(fm_wire_config){.record_path = scratch_path("c.jsonl")}, &err),
           FM_OK),
        "%s", err.text);
    ask_all(wire, url, 6, &live);
    fm_wire_close(wire);
    loopback_stop(server);
    for (int round = 0; round < 2; round++) {
        const fm_wire_config config = {.replay_path = scratch_path("c.jsonl")};

        cr_assert(eq(int, fm_wire_open(&wire, &config, &err), FM_OK), "%s", err.text);
        ask_all(wire, url, 6, round ? &again : &played);
        fm_wire_close(wire);
    }
    cr_assert(eq(str, played.data, live.data));
    cr_assert(eq(str, again.data, live.data));
    cr_assert(strstr(live.data, "2 4 200") != NULL, "the broken one is among them: %s", live.data);
    fm_buf_release(&live);
    fm_buf_release(&played);
    fm_buf_release(&again);
}

Test(cassette, playing_answers_in_the_order_of_sending_and_names_what_is_not_there)
{
    const fm_wire_request request = request_to("http://127.0.0.1:1/v1");
    fm_cassette *cassette = record();
    fm_wire_reply replies[4];
    fm_wire *wire = NULL;
    fm_err err = {0};
    size_t n;

    for (int i = 0; i < 3; i++) {
        char body[32], text[32];

        snprintf(body, sizeof(body), "{\"n\":%d}", i);
        snprintf(text, sizeof(text), "reply %d", i);
        const fm_cassette_reply reply = reply_with(text);
        add(cassette, &request, body, &reply);
    }
    close_cassette(cassette);
    cr_assert(eq(
        int, fm_wire_open(&wire, &(fm_wire_config){.replay_path = scratch_path("c.jsonl")}, &err),
        FM_OK));
    for (uint64_t ticket = 5; ticket > 0; ticket--)
        send_numbered(wire, "http://127.0.0.1:1/v1", ticket);
    fm_wire_abandon(wire, 3);
    cr_assert(eq(int, fm_wire_poll(wire, 5, replies, 4, &n, &err), FM_OK), "%s", err.text);
    cr_assert(eq(sz, n, 4));
    cr_assert(replies[0].ticket == 5 && strcmp(replies[0].body, "reply 2") == 0);
    cr_assert(replies[1].ticket == 4 && strcmp(replies[1].body, "reply 1") == 0);
    cr_assert(replies[2].ticket == 2 && replies[2].end == FM_WIRE_UNRECORDED);
    cr_assert(strstr(replies[2].detail, "no further reply to this POST of '/v1'") != NULL);
    cr_assert(replies[3].ticket == 1 && replies[3].end == FM_WIRE_UNRECORDED);
    cr_assert(eq(int, fm_wire_poll(wire, 0.001, replies, 4, &n, &err), FM_OK));
    cr_assert(eq(sz, n, 0));
    fm_wire_close(wire);
}

Test(cassette, a_recorder_that_fails_hands_out_the_reply_and_then_ends_the_run)
{
    static const loopback_reply script[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"}};
    fm_wire *wire = NULL;
    fm_buf seen = {0};
    fm_wire_reply reply;
    fm_err err = {0};
    size_t n;

    if (access("/dev/full", W_OK) != 0)
        cr_skip_test("needs /dev/full");
    loopback *server = loopback_start(script, 1);
    cr_assert(
        eq(int, fm_wire_open(&wire, &(fm_wire_config){.record_path = "/dev/full"}, &err), FM_OK));
    ask_all(wire, loopback_url(server, "/"), 1, &seen);
    cr_assert(strstr(seen.data, "[1]") != NULL, "%s", seen.data);
    cr_assert(eq(int, fm_wire_poll(wire, 0, &reply, 1, &n, &err), FM_E_IO));
    cr_assert(strstr(err.text, "/dev/full") != NULL, "%s", err.text);
    fm_buf_release(&seen);
    fm_wire_close(wire);
    loopback_stop(server);
}

Test(cassette, recording_and_playing_at_once_is_refused)
{
    const fm_wire_config config = {.record_path = scratch_path("a"), .replay_path = "b"};
    fm_wire *wire = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_wire_open(&wire, &config, &err), FM_E_USAGE));
}
