/* Owns the lines of a cassette: what is written of an exchange, and the index by which it is found
 * again. */
#include "wire/cassette.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/idmap.h"
#include "base/json.h"
#include "base/size.h"
#include "wire/address.h"
#include "wire/headers.h"

/* One recorded exchange, and the next one with an equal request. */
typedef struct {
    int64_t offset;
    size_t size, number; /* of its line, without the newline; 1-based */
    size_t next;         /* position in `entries` + 1; 0: none */
} entry;

/* The exchanges of one request in their order. */
typedef struct {
    size_t next, last; /* as in entry */
} queue;

struct fm_cassette {
    char path[FM_PATH_BYTES];
    int fd;
    fm_buf line, clean;

    /* recording */
    fm_wire_address *address; /* of the last request, and its headers: most are like the last one */
    fm_wire_headers *headers;

    /* playing */
    fm_id_map requests; /* "method sha256 path" to positions in queues */
    queue *queues;
    entry *entries;
    size_t n_queues, room_queues, n, room;
    fm_arena found; /* what the last find gave */
};

static const char *const end_names[] = {
    [FM_WIRE_DONE] = "done",
    [FM_WIRE_UNREACHED] = "unreached",
    [FM_WIRE_INSECURE] = "insecure",
    [FM_WIRE_TIMEOUT] = "timeout",
    [FM_WIRE_BROKEN] = "broken",
    [FM_WIRE_TOO_LARGE] = "too_large",
    [FM_WIRE_UNRECORDED] = "unrecorded",
    [FM_WIRE_FAILED] = "failed",
};

static fm_cassette *new_cassette(const char *path)
{
    fm_cassette *cassette = calloc(1, sizeof(*cassette));

    if (cassette) {
        cassette->fd = -1;
        snprintf(cassette->path, sizeof(cassette->path), "%s", path);
    }
    return cassette;
}

fm_status fm_cassette_close(fm_cassette *cassette, fm_err *err)
{
    fm_status st = FM_OK;

    if (!cassette)
        return FM_OK;
    if (cassette->fd >= 0 && close(cassette->fd) != 0)
        st = fm_fail(err, FM_E_IO, "cannot close '%s': %s", cassette->path, strerror(errno));
    fm_wire_address_free(cassette->address);
    fm_wire_headers_free(cassette->headers);
    fm_buf_release(&cassette->line);
    fm_buf_release(&cassette->clean);
    fm_id_map_release(&cassette->requests);
    free(cassette->queues);
    free(cassette->entries);
    fm_arena_release(&cassette->found);
    free(cassette);
    return st;
}

/* ---- recording ---- */

/* Where the last whole line ends. Only its end is read: a cassette can be large. */
static fm_status find_end(const fm_cassette *cassette, int64_t size, int64_t *end, fm_err *err)
{
    char block[4096];

    for (*end = size; *end > 0;) {
        size_t want = *end < (int64_t)sizeof(block) ? (size_t)*end : sizeof(block);
        ssize_t n = pread(cassette->fd, block, want, *end - (int64_t)want);

        if (n != (ssize_t)want)
            return fm_fail(err, FM_E_IO, "cannot read '%s': %s", cassette->path,
                           n < 0 ? strerror(errno) : "it shrank");
        const char *newline = memrchr(block, '\n', want);
        *end -= newline ? block + want - 1 - newline : n;
        if (newline)
            break;
    }
    return FM_OK;
}

/* What stands at the beginning of every line that is written here. */
static const char opening[] = "{\"schema\": \"" FM_CASSETTE_SCHEMA "\", ";

/* A file that is there goes on where it is a cassette; any other is somebody's work. */
static fm_status continue_file(fm_cassette *cassette, fm_err *err)
{
    char begin[sizeof(opening)] = "";
    struct stat info;
    int64_t end;

    if (fstat(cassette->fd, &info) != 0)
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", cassette->path, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size == 0)
        return FM_OK;
    ssize_t n = pread(cassette->fd, begin, sizeof(begin) - 1, 0);
    if (n < 0 || strncmp(begin, opening, (size_t)n) != 0)
        return fm_fail(err, FM_E_USAGE,
                       "'%s' is no cassette: give a new name, or one that was recorded",
                       cassette->path);
    fm_status st = find_end(cassette, info.st_size, &end, err);
    if (st == FM_OK && end < info.st_size && ftruncate(cassette->fd, end) != 0)
        st = fm_fail(err, FM_E_IO, "cannot repair '%s': %s", cassette->path, strerror(errno));
    return st;
}

fm_status fm_cassette_record(fm_cassette **out, const char *path, fm_err *err)
{
    fm_cassette *cassette = new_cassette(path);
    fm_status st;

    if (!cassette)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    cassette->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (cassette->fd < 0)
        st = fm_fail(err, FM_E_USAGE, "cannot record to '%s': %s", path, strerror(errno));
    else if (flock(cassette->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        st = fm_fail(err, FM_E_LOCKED, "another process records to '%s'", path);
    else
        st = continue_file(cassette, err);
    if (st != FM_OK) {
        (void)!fm_cassette_close(cassette, NULL); /* the first failure is the one to tell */
        return st;
    }
    *out = cassette;
    return FM_OK;
}

/* The bytes without secrets; good until the next call. */
static const fm_buf *clean(fm_cassette *cassette, const char *bytes, size_t size)
{
    fm_buf_clear(&cassette->clean);
    fm_secrets_scrub(&cassette->headers->secrets, &cassette->clean, bytes, size);
    return &cassette->clean;
}

static void put_clean(fm_cassette *cassette, fm_json_writer *w, const char *key, const char *text)
{
    const fm_buf *bytes = clean(cassette, text, strlen(text));

    fm_json_put_bytes(w, key, fm_buf_text(bytes), bytes->size);
}

static bool is_any(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Headers that tell how the body travelled are left out: here it is whole and unpacked. A cookie is
 * a key that the server gave. */
static void put_headers(fm_cassette *cassette, fm_json_writer *w, const fm_wire_header *headers,
                        size_t n)
{
    static const char *const of_the_way[] = {"content-length", "content-encoding",
                                             "transfer-encoding", "connection", "keep-alive"};
    static const char *const keys[] = {"authorization", "cookie", "set-cookie"};

    fm_json_open(w, "headers", '[');
    for (size_t i = 0; i < n; i++) {
        if (is_any(headers[i].name, of_the_way, FM_COUNT_OF(of_the_way)))
            continue;
        fm_json_open(w, NULL, '[');
        put_clean(cassette, w, NULL, headers[i].name);
        if (headers[i].secret || is_any(headers[i].name, keys, FM_COUNT_OF(keys)))
            fm_json_put_string(w, NULL, FM_SECRET_REMOVED);
        else
            put_clean(cassette, w, NULL, headers[i].value);
        fm_json_close(w, ']');
    }
    fm_json_close(w, ']');
}

static void put_text_part(fm_cassette *cassette, fm_json_writer *w, const char *bytes, size_t size)
{
    const fm_buf *text = clean(cassette, bytes, size);

    if (size == 0)
        return;
    fm_json_open(w, NULL, '{');
    fm_json_put_reply(w, "text", fm_buf_text(text), text->size);
    fm_json_close(w, '}');
}

static void put_picture_part(fm_json_writer *w, const char *bytes, size_t size)
{
    char hash[FM_HASH_TEXT_BYTES];

    fm_hash_bytes(bytes, size, hash);
    fm_json_open(w, NULL, '{');
    fm_json_put_int(w, "bytes", (int64_t)size);
    fm_json_put_string(w, "sha256", hash);
    fm_json_close(w, '}');
}

static void put_body(fm_cassette *cassette, fm_json_writer *w, const fm_wire_request *request,
                     const char *body, size_t size)
{
    char hash[FM_HASH_TEXT_BYTES];
    size_t at = 0;

    fm_hash_bytes(body, size, hash);
    fm_json_put_string(w, "body_sha256", hash);
    fm_json_open(w, "body", '[');
    for (size_t i = 0; i < request->n_spans; i++) {
        const fm_wire_span *span = &request->spans[i];

        put_text_part(cassette, w, body + at, span->offset - at);
        put_picture_part(w, body + span->offset, span->size);
        at = span->offset + span->size;
    }
    put_text_part(cassette, w, body + at, size - at);
    fm_json_close(w, ']');
}

static void put_request(fm_cassette *cassette, fm_json_writer *w, const fm_wire_request *request,
                        const char *body, size_t size)
{
    fm_json_open(w, "request", '{');
    fm_json_put_string(w, "method", request->method);
    put_clean(cassette, w, "host", cassette->address->origin);
    put_clean(cassette, w, "path", cassette->address->path);
    put_headers(cassette, w, request->headers, request->n_headers);
    put_body(cassette, w, request, body, size);
    fm_json_close(w, '}');
}

static void put_answer(fm_cassette *cassette, fm_json_writer *w, const fm_cassette_reply *reply)
{
    fm_json_open(w, "reply", '{');
    fm_json_put_string(w, "end", end_names[reply->end]);
    if (reply->detail)
        put_clean(cassette, w, "detail", reply->detail);
    fm_json_put_int(w, "status", reply->status);
    put_headers(cassette, w, reply->headers, reply->n_headers);
    if (reply->end == FM_WIRE_DONE) { /* half a reply is none */
        const fm_buf *body = clean(cassette, reply->body, reply->size);

        fm_json_put_reply(w, "body", fm_buf_text(body), body->size);
    }
    fm_json_put_number(w, "first_byte_s", reply->first_byte_s);
    fm_json_put_number(w, "total_s", reply->total_s);
    fm_json_close(w, '}');
}

static fm_status know_request(fm_cassette *cassette, const fm_wire_request *request, fm_err *err)
{
    fm_status st = FM_OK;

    if (!cassette->address || strcmp(cassette->address->given, request->url) != 0) {
        fm_wire_address *fresh;

        st = fm_wire_address_new(&fresh, request->url, "a request", err);
        if (st != FM_OK)
            return st;
        fm_wire_address_free(cassette->address);
        cassette->address = fresh;
    }
    if (!cassette->headers ||
        !fm_wire_headers_equal(cassette->headers, request->headers, request->n_headers)) {
        fm_wire_headers *fresh;

        st = fm_wire_headers_new(&fresh, request->headers, request->n_headers, err);
        if (st != FM_OK)
            return st;
        fm_wire_headers_free(cassette->headers);
        cassette->headers = fresh;
    }
    return st;
}

/* A whole line, or none: what a full disk took half of is taken back. */
static fm_status write_line(fm_cassette *cassette, fm_err *err)
{
    const fm_buf *line = &cassette->line;
    off_t before = lseek(cassette->fd, 0, SEEK_END);

    for (size_t at = 0; at < line->size;) {
        ssize_t n = write(cassette->fd, line->data + at, line->size - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int why = errno;

            if (before >= 0)
                (void)!ftruncate(cassette->fd, before);
            return fm_fail(err, FM_E_IO, "cannot write '%s': %s", cassette->path, strerror(why));
        }
        at += (size_t)n;
    }
    return FM_OK;
}

fm_status fm_cassette_add(fm_cassette *cassette, const fm_wire_request *request, const char *body,
                          size_t size, const fm_cassette_reply *reply, fm_err *err)
{
    fm_json_writer w = {.out = &cassette->line};
    fm_status st = know_request(cassette, request, err);

    if (st != FM_OK)
        return st;
    fm_buf_clear(&cassette->line);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", FM_CASSETTE_SCHEMA);
    put_request(cassette, &w, request, body, size);
    put_answer(cassette, &w, reply);
    fm_json_close(&w, '}');
    fm_buf_putc(&cassette->line, '\n');
    if (cassette->clean.failed)
        cassette->line.failed = true;
    st = fm_buf_check(&cassette->line, "a line of the cassette", err);
    return st == FM_OK ? write_line(cassette, err) : st;
}

/* ---- loading ---- */

static fm_status bad_line(const fm_cassette *cassette, size_t number, const char *what, fm_err *err)
{
    return fm_fail(err, FM_E_INPUT, "'%s', line %zu: %s", cassette->path, number, what);
}

static bool end_from_name(const char *name, fm_wire_end *out)
{
    for (size_t i = 0; name && i < FM_COUNT_OF(end_names); i++)
        if (strcmp(name, end_names[i]) == 0) {
            *out = (fm_wire_end)i;
            return true;
        }
    return false;
}

static bool are_headers(const cJSON *headers)
{
    const cJSON *pair;

    cJSON_ArrayForEach(pair, headers)
    {
        if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2 ||
            !cJSON_IsString(cJSON_GetArrayItem(pair, 0)) ||
            !cJSON_IsString(cJSON_GetArrayItem(pair, 1)))
            return false;
    }
    return cJSON_IsArray(headers);
}

/* What is wrong with a line, or NULL. */
static const char *fault_of(const cJSON *tree)
{
    const cJSON *request = fm_json_get(tree, "request"), *reply = fm_json_get(tree, "reply");
    const char *schema = fm_json_string(tree, "schema"), *hash;
    double status = fm_json_number(reply, "status", -1);
    fm_wire_end end;

    if (!schema || strcmp(schema, FM_CASSETTE_SCHEMA) != 0)
        return "its schema is not " FM_CASSETTE_SCHEMA;
    if (!fm_json_string(request, "method") || !fm_json_string(request, "path"))
        return "the request has no method or no path";
    hash = fm_json_string(request, "body_sha256");
    if (!hash || strlen(hash) != FM_HASH_TEXT_BYTES - 1)
        return "the request has no body_sha256";
    if (!end_from_name(fm_json_string(reply, "end"), &end))
        return "the reply has no known end";
    if (!(status >= 0 && status <= 999) || status != (int)status)
        return "the reply has no status of HTTP";
    if (!are_headers(fm_json_get(reply, "headers")))
        return "the headers of the reply are no pairs of texts";
    return NULL;
}

/* An array with room for one more, or NULL. */
static void *with_room(void *array, size_t n, size_t *room, size_t size)
{
    size_t more = *room ? *room * 2 : 64, bytes;

    if (n < *room)
        return array;
    void *grown = fm_size_mul(more, size, &bytes) ? realloc(array, bytes) : NULL;
    if (grown)
        *room = more;
    return grown;
}

static const char *key_of(fm_buf *out, const char *method, const char *path, const char *hash)
{
    fm_buf_clear(out);
    fm_buf_printf(out, "%s %s %s", method, hash, path);
    return out->failed ? NULL : out->data;
}

static bool put_entry(fm_cassette *cassette, const char *key, entry fresh)
{
    entry *entries = with_room(cassette->entries, cassette->n, &cassette->room, sizeof(*entries));
    uint64_t at;
    bool fresh_key;

    if (!entries)
        return false;
    cassette->entries = entries;
    if (!fm_id_map_find(&cassette->requests, key, &at)) {
        queue *queues = with_room(cassette->queues, cassette->n_queues, &cassette->room_queues,
                                  sizeof(*queues));

        at = cassette->n_queues;
        if (!queues)
            return false;
        cassette->queues = queues;
        if (!fm_id_map_put(&cassette->requests, key, at, &fresh_key, NULL))
            return false;
        queues[cassette->n_queues++] = (queue){0};
    }
    queue *q = &cassette->queues[at];
    entries[cassette->n++] = fresh;
    *(q->last ? &entries[q->last - 1].next : &q->next) = cassette->n;
    q->last = cassette->n;
    return true;
}

static bool is_blank(const char *text, size_t size)
{
    return strspn(text, " \t\r") == size;
}

static fm_status index_line(fm_cassette *cassette, const fm_lines *lines, fm_err *err)
{
    cJSON *tree = NULL;
    fm_status st;

    if (lines->too_long)
        return bad_line(cassette, lines->number, "it is too long", err);
    if (is_blank(lines->line, lines->size))
        return FM_OK;
    st = fm_json_parse(lines->line, lines->size, "it", &tree, err);
    if (st == FM_OK) {
        const cJSON *request = fm_json_get(tree, "request");
        const char *fault = fault_of(tree);
        const char *key =
            fault ? NULL
                  : key_of(&cassette->clean, fm_json_string(request, "method"),
                           fm_json_string(request, "path"), fm_json_string(request, "body_sha256"));

        if (fault)
            st = bad_line(cassette, lines->number, fault, err);
        else if (!key ||
                 !put_entry(cassette, key, (entry){lines->offset, lines->size, lines->number, 0}))
            st = fm_fail(err, FM_E_NOMEM, "no memory for the index of '%s'", cassette->path);
    } else if (st == FM_E_INPUT && lines->torn) {
        st = FM_OK; /* a run that was killed left half a line */
    } else {
        (void)fm_fail_within(err, st, "'%s', line %zu", cassette->path, lines->number);
    }
    cJSON_Delete(tree);
    return st;
}

static fm_status index_file(fm_cassette *cassette, fm_err *err)
{
    fm_lines lines = {0};
    bool more = true;
    fm_status st = fm_lines_open(&lines, cassette->path, 0, err);

    while (st == FM_OK && more) {
        st = fm_lines_next(&lines, &more, err);
        if (st == FM_OK && more)
            st = index_line(cassette, &lines, err);
    }
    fm_lines_close(&lines);
    return st;
}

fm_status fm_cassette_load(fm_cassette **out, const char *path, fm_err *err)
{
    fm_cassette *cassette = new_cassette(path);
    fm_status st = FM_OK;

    if (!cassette)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    cassette->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (cassette->fd < 0)
        st = fm_fail(err, FM_E_USAGE, "cannot open the cassette '%s': %s", path, strerror(errno));
    if (st == FM_OK)
        st = index_file(cassette, err);
    if (st != FM_OK) {
        (void)!fm_cassette_close(cassette, NULL);
        return st;
    }
    *out = cassette;
    return FM_OK;
}

size_t fm_cassette_exchanges(const fm_cassette *cassette)
{
    return cassette->n;
}

/* ---- finding ---- */

static fm_status read_entry(fm_cassette *cassette, const entry *e, cJSON **tree, fm_err *err)
{
    fm_buf_clear(&cassette->line);
    char *room = fm_buf_room(&cassette->line, e->size);

    if (!room)
        return fm_fail(err, FM_E_NOMEM, "no memory for line %zu of '%s'", e->number,
                       cassette->path);
    ssize_t n = pread(cassette->fd, room, e->size, e->offset);
    if (n != (ssize_t)e->size)
        return fm_fail(err, FM_E_IO, "cannot read line %zu of '%s': %s", e->number, cassette->path,
                       n < 0 ? strerror(errno) : "the file shrank");
    fm_status st = fm_json_parse(room, e->size, "it", tree, err);
    if (st == FM_OK && fault_of(*tree))
        st = bad_line(cassette, e->number, "it changed while it was played", err);
    else if (st != FM_OK)
        (void)fm_fail_within(err, st, "'%s', line %zu", cassette->path, e->number);
    return st;
}

static bool take_headers(const cJSON *pairs, fm_arena *arena, fm_cassette_reply *out)
{
    int n = cJSON_GetArraySize(pairs);
    fm_wire_header *headers = fm_arena_alloc(arena, (size_t)n + 1, sizeof(*headers));
    const cJSON *pair;
    bool whole = headers != NULL;

    cJSON_ArrayForEach(pair, pairs)
    {
        fm_wire_header *header = headers + out->n_headers;

        if (!whole)
            break;
        header->name = fm_arena_strdup(arena, pair->child->valuestring);
        header->value = fm_arena_strdup(arena, pair->child->next->valuestring);
        whole = header->name && header->value;
        out->n_headers++;
    }
    out->headers = headers;
    return whole;
}

static fm_status take_reply(fm_cassette *cassette, const cJSON *reply, fm_cassette_reply *out,
                            fm_err *err)
{
    fm_arena *arena = &cassette->found;
    const char *detail = fm_json_string(reply, "detail");
    char *body;
    fm_cassette_reply found = {
        .status = (int)fm_json_number(reply, "status", 0),
        .first_byte_s = fm_json_number(reply, "first_byte_s", 0),
        .total_s = fm_json_number(reply, "total_s", 0),
        .detail = fm_arena_strdup(arena, detail),
    };
    fm_status st = fm_json_get_reply(reply, "body", arena, &body, &found.size, err);

    (void)end_from_name(fm_json_string(reply, "end"), &found.end); /* known since the loading */
    if (st != FM_OK)
        return st;
    found.body = body ? body : "";
    if (!take_headers(fm_json_get(reply, "headers"), arena, &found) || (detail && !found.detail))
        return fm_fail(err, FM_E_NOMEM, "no memory for a reply of '%s'", cassette->path);
    *out = found;
    return FM_OK;
}

fm_status fm_cassette_find(fm_cassette *cassette, const char *method, const char *path,
                           const char *body, size_t size, fm_cassette_reply *out, bool *found,
                           fm_err *err)
{
    char hash[FM_HASH_TEXT_BYTES];
    cJSON *tree = NULL;
    uint64_t at;

    *found = false;
    fm_hash_bytes(body, size, hash);
    const char *key = key_of(&cassette->clean, method, path, hash);
    if (!key)
        return fm_fail(err, FM_E_NOMEM, "no memory for a request to '%s'", cassette->path);
    if (!fm_id_map_find(&cassette->requests, key, &at) || cassette->queues[at].next == 0)
        return FM_OK;
    const entry *e = &cassette->entries[cassette->queues[at].next - 1];
    fm_arena_reset(&cassette->found);
    fm_status st = read_entry(cassette, e, &tree, err);
    if (st == FM_OK)
        st = take_reply(cassette, fm_json_get(tree, "reply"), out, err);
    if (st == FM_OK) {
        cassette->queues[at].next = e->next;
        *found = true;
    }
    cJSON_Delete(tree);
    return st;
}
