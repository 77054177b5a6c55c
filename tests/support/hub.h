/**
 * A hub of data sets on loopback, and the host to which it sends for large files: one data set, its
 * listing in pages, plain files and files of LFS, ranges, a token, and the ways in which such servers
 * fail. All fields may be set before a request comes.
 */
#ifndef FM_TESTS_HUB_H
#define FM_TESTS_HUB_H

#include "../support/loopback.h"
#include "base/buffer.h"
#include "base/hash.h"

enum { HUB_MAX_FILES = 32, HUB_MAX_ASKED = 512 };

#define HUB_COMMIT "0123456789abcdef0123456789abcdef01234567"

typedef struct {
    const char *path, *bytes;
    size_t size;
    bool lfs;
    const char *hash; /* NULL: the right one */
} hub_file;

typedef struct {
    char what[300]; /* "/datasets/..." */
    char range[64]; /* "" for none */
    bool token;     /* any was shown */
} hub_asked;

typedef struct {
    const char *repository;
    hub_file files[HUB_MAX_FILES];
    size_t n_files;
    const char *token;   /* what is asked for; NULL: nothing */
    const char *gated;   /* "auto", or NULL */
    size_t page;         /* files on a page of the listing; 0: all */
    const char *listing; /* instead of the right one */
    const char *next;    /* instead of the right Link */
    bool no_ranges, wrong_ranges;
    int status; /* of the next `times` replies to what has `about` in it */
    const char *about, *retry_after;
    size_t cut_at; /* that many bytes of a body, and the connection closes: `times` */
    bool corrupt;  /* the first byte of a body is another one: `times` */
    int times;
    int pause_ms; /* between pieces of 16 KiB */

    loopback *front, *cdn; /* where the hub is, and where the large files are */
    pthread_mutex_t lock;  /* guards `times` and all below */
    hub_asked asked[HUB_MAX_ASKED];
    size_t n_asked;
} hub;

/* ---- what is sent ---- */

static inline bool hub_send(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;

    while (size > 0) {
        ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static inline bool hub_reply(int fd, int status, const char *headers, const char *body)
{
    fm_buf text = {0};

    fm_buf_printf(&text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
                  headers, body);
    bool sent = hub_send(fd, text.data, text.size);
    fm_buf_release(&text);
    return sent;
}

static inline void hub_hash(const hub_file *file, char out[FM_HASH_TEXT_BYTES])
{
    fm_hash *hash = file->lfs ? fm_hash_new() : fm_hash_new_git(file->size);

    if (!hash)
        abort();
    fm_hash_update(hash, file->bytes, file->size);
    fm_hash_finish(hash, out);
    if (file->hash)
        snprintf(out, FM_HASH_TEXT_BYTES, "%s", file->hash);
}

/* ---- faults ---- */

static inline bool hub_fault(hub *h, bool here)
{
    pthread_mutex_lock(&h->lock);
    bool yes = here && h->times > 0;
    h->times -= yes;
    pthread_mutex_unlock(&h->lock);
    return yes;
}

static inline bool hub_is_about(const hub *h, const char *what)
{
    return !h->about || strstr(what, h->about);
}

/* ---- replies ---- */

static inline bool hub_info(const hub *h, int fd)
{
    char body[512];

    snprintf(body, sizeof(body),
             "{\"id\":\"%s\",\"sha\":\"" HUB_COMMIT "\",\"gated\":%s%s%s,"
             "\"cardData\":{\"license\":\"mit\"},\"siblings\":[]}",
             h->repository, h->gated ? "\"" : "", h->gated ? h->gated : "false",
             h->gated ? "\"" : "");
    return hub_reply(fd, 200, "Content-Type: application/json\r\n", body);
}

static inline void hub_put_entry(fm_buf *out, const hub_file *file)
{
    char hash[FM_HASH_TEXT_BYTES];

    hub_hash(file, hash);
    if (file->lfs)
        fm_buf_printf(out,
                      "{\"type\":\"file\",\"oid\":\"f00\",\"size\":%zu,\"path\":\"%s\","
                      "\"lfs\":{\"oid\":\"%s\",\"size\":%zu,\"pointerSize\":134}}",
                      file->size, file->path, hash, file->size);
    else
        fm_buf_printf(out, "{\"type\":\"file\",\"oid\":\"%s\",\"size\":%zu,\"path\":\"%s\"}", hash,
                      file->size, file->path);
}

static inline bool hub_tree(const hub *h, int fd, const char *what)
{
    const char *at = strstr(what, "cursor=");
    size_t from = at ? strtoul(at + 7, NULL, 10) : 0;
    size_t to = h->page && from + h->page < h->n_files ? from + h->page : h->n_files;
    char link[400] = "";
    fm_buf body = {0};

    fm_buf_puts(&body, "[{\"type\":\"directory\",\"oid\":\"d\",\"size\":0,\"path\":\"data\"}");
    for (size_t i = from; i < to; i++) {
        fm_buf_putc(&body, ',');
        hub_put_entry(&body, &h->files[i]);
    }
    fm_buf_putc(&body, ']');
    if (to < h->n_files)
        snprintf(link, sizeof(link),
                 "Link: <%s/api/datasets/%s/tree/" HUB_COMMIT "?recursive=1&cursor=%zu>; "
                 "rel=\"next\"\r\n",
                 loopback_url(h->front, ""), h->repository, to);
    if (h->next)
        snprintf(link, sizeof(link), "Link: <%s>; rel=\"next\"\r\n", h->next);
    bool sent = hub_reply(fd, 200, link, h->listing ? h->listing : fm_buf_text(&body));
    fm_buf_release(&body);
    return sent;
}

static inline bool hub_body(hub *h, int fd, const hub_file *file, const char *range)
{
    unsigned long long from = 0;
    bool partial = !h->no_ranges && sscanf(range, "bytes=%llu-", &from) == 1;
    bool cut = hub_fault(h, h->cut_at > 0), corrupt = hub_fault(h, h->corrupt);
    char head[256];

    if (partial && from >= file->size)
        return hub_reply(fd, 416, "", "");
    if (!partial)
        from = 0;
    size_t size = file->size - from, all = cut && h->cut_at < size ? h->cut_at : size;
    snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n", partial ? 206 : 200,
             size);
    if (partial)
        snprintf(head + strlen(head), sizeof(head) - strlen(head),
                 "Content-Range: bytes %llu-%zu/%zu\r\n", from + h->wrong_ranges, file->size - 1,
                 file->size);
    strcat(head, "\r\n");
    bool sent = hub_send(fd, head, strlen(head));
    for (size_t at = 0; sent && at < all;) {
        size_t n = h->pause_ms && all - at > 16384 ? 16384 : all - at;
        char first = (char)(file->bytes[from + at] ^ 1);
        bool changed = corrupt && at == 0;

        sent = !changed || hub_send(fd, &first, 1);
        sent = sent && hub_send(fd, file->bytes + from + at + changed, n - changed);
        at += n;
        if (h->pause_ms)
            loopback_pause(h->pause_ms);
    }
    return sent && !cut;
}

static inline const hub_file *hub_find(const hub *h, const char *path)
{
    for (size_t i = 0; i < h->n_files; i++)
        if (strcmp(h->files[i].path, path) == 0)
            return &h->files[i];
    return NULL;
}

static inline bool hub_header(const char *request, const char *name, char *out, size_t size)
{
    const char *at = strcasestr(request, name);

    out[0] = '\0';
    if (!at)
        return false;
    at += strlen(name);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
    return true;
}

static inline hub_asked hub_note(hub *h, const char *request)
{
    hub_asked asked = {0};
    char value[600];

    snprintf(asked.what, sizeof(asked.what), "%.*s", (int)strcspn(request + 4, " "), request + 4);
    (void)hub_header(request, "\r\nRange: ", asked.range, sizeof(asked.range));
    asked.token = hub_header(request, "\r\nAuthorization: ", value, sizeof(value));
    pthread_mutex_lock(&h->lock);
    if (h->n_asked < HUB_MAX_ASKED)
        h->asked[h->n_asked++] = asked;
    pthread_mutex_unlock(&h->lock);
    return asked;
}

static inline bool hub_knows(const hub *h, const char *request)
{
    char value[600], right[600];

    if (!h->token)
        return true;
    snprintf(right, sizeof(right), "Bearer %s", h->token);
    return hub_header(request, "\r\nAuthorization: ", value, sizeof(value)) &&
           strcmp(value, right) == 0;
}

static inline bool hub_front(void *context, int fd, const char *request)
{
    hub *h = context;
    hub_asked asked = hub_note(h, request);
    char start[300];

    if (hub_fault(h, h->status && hub_is_about(h, asked.what))) {
        char header[64] = "";

        if (h->retry_after)
            snprintf(header, sizeof(header), "Retry-After: %s\r\n", h->retry_after);
        return hub_reply(fd, h->status, header, "{\"error\":\"no\"}");
    }
    if (!hub_knows(h, request))
        return hub_reply(fd, 401, "X-Error-Code: GatedRepo\r\n", "{\"error\":\"log in\"}");
    snprintf(start, sizeof(start), "/api/datasets/%s/revision/", h->repository);
    if (strncmp(asked.what, start, strlen(start)) == 0)
        return hub_info(h, fd);
    snprintf(start, sizeof(start), "/api/datasets/%s/tree/" HUB_COMMIT, h->repository);
    if (strncmp(asked.what, start, strlen(start)) == 0)
        return hub_tree(h, fd, asked.what);
    snprintf(start, sizeof(start), "/datasets/%s/resolve/" HUB_COMMIT "/", h->repository);
    const hub_file *file = strncmp(asked.what, start, strlen(start)) == 0
                               ? hub_find(h, asked.what + strlen(start))
                               : NULL;
    if (!file)
        return hub_reply(fd, 404, "X-Error-Code: EntryNotFound\r\n", "{\"error\":\"none\"}");
    if (!file->lfs)
        return hub_body(h, fd, file, asked.range);
    snprintf(start, sizeof(start), "Location: %s%s\r\n", loopback_url(h->cdn, "/cdn/"), file->path);
    return hub_reply(fd, 302, start, "Found");
}

static inline bool hub_cdn(void *context, int fd, const char *request)
{
    hub *h = context;
    hub_asked asked = hub_note(h, request);
    const hub_file *file = hub_find(h, asked.what + strlen("/cdn/"));

    return file ? hub_body(h, fd, file, asked.range) : hub_reply(fd, 404, "", "");
}

/* ---- life ---- */

static inline void hub_start(hub *h)
{
    static const loopback_reply none[1];

    pthread_mutex_init(&h->lock, NULL);
    h->cdn = loopback_start(none, 1);
    h->cdn->context = h;
    h->cdn->answer = hub_cdn;
    h->front = loopback_start(none, 1);
    h->front->context = h;
    h->front->answer = hub_front;
}

static inline void hub_stop(hub *h)
{
    loopback_stop(h->front);
    loopback_stop(h->cdn);
    pthread_mutex_destroy(&h->lock);
}

static inline void hub_add(hub *h, const char *path, const char *bytes, size_t size, bool lfs)
{
    h->files[h->n_files++] = (hub_file){.path = path, .bytes = bytes, .size = size, .lfs = lfs};
}

/* How often something with `part` in it was asked for. */
static inline size_t hub_count(hub *h, const char *part)
{
    size_t n = 0;

    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n_asked; i++)
        n += strstr(h->asked[i].what, part) != NULL;
    pthread_mutex_unlock(&h->lock);
    return n;
}

#endif
