/* Any bytes as a cassette: what is accepted is found again, each exchange once, and takes a further
 * one. */
#include <string.h>

#include "memfile.h"
#include "wire/cassette.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const fm_wire_header secret = {"x-api-key", "sk-canary-0123456789", true};

/* The replies to the request that the corpus holds, all of them; returns how many. */
static size_t find_all(fm_cassette *cassette)
{
    fm_cassette_reply reply;
    size_t n = 0;
    bool found = true;
    fm_err err;

    while (found) {
        if (fm_cassette_find(cassette, "POST", "/v1?x=1", "{}", 2, &reply, &found, &err) != FM_OK)
            abort();
        if (!found)
            break;
        if ((reply.size && !reply.body) || (reply.body && reply.body[reply.size] != '\0') ||
            (int)reply.end < 0 || reply.end > FM_WIRE_FAILED)
            abort();
        for (size_t i = 0; i < reply.n_headers; i++)
            if (strlen(reply.headers[i].name) + strlen(reply.headers[i].value) > FM_BUF_DEFAULT_CAP)
                abort();
        n++;
    }
    return n;
}

static fm_cassette *load(const char *path)
{
    fm_cassette *cassette;
    fm_err err;

    return fm_cassette_load(&cassette, path, &err) == FM_OK ? cassette : NULL;
}

static void add_one(const char *path)
{
    const fm_wire_request request = {
        .method = "POST", .url = "http://127.0.0.1/v1?x=1", .headers = &secret, .n_headers = 1};
    const fm_cassette_reply reply = {.status = 200, .body = "ok", .size = 2};
    fm_cassette *cassette;
    fm_err err;

    if (fm_cassette_record(&cassette, path, &err) != FM_OK)
        return;
    if (fm_cassette_add(cassette, &request, "{}", 2, &reply, &err) != FM_OK ||
        fm_cassette_close(cassette, &err) != FM_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile file = memfile_open(data, size);
    fm_cassette *cassette = load(file.path);
    fm_err err;

    if (cassette) {
        if (find_all(cassette) > fm_cassette_exchanges(cassette) ||
            fm_cassette_close(cassette, &err) != FM_OK)
            abort();
    }
    add_one(file.path);
    if (cassette && !(cassette = load(file.path)))
        abort();
    if (cassette && fm_cassette_close(cassette, &err) != FM_OK)
        abort();
    memfile_close(&file);
    return 0;
}
