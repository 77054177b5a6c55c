/* Owns the way of a request: body, tickets, wire, and what asking would take. What a provider calls
 * things is in its own file, what a reply means in remote_reply.c, what was set in
 * remote_settings.c. */
#include "adapters/remote_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "base/text.h"
#include "fathom/raster.h"

/* A multiple of 3, so that pieces of base64 join without padding. */
enum { PIECE_BYTES = 48 << 10, MAX_ARRIVALS = 64 };

/* A request that was not sent: its arrival is waiting for the next poll. */
typedef struct fm_remote_unsent {
    uint64_t ticket;
    fm_sample_status status;
    fm_retry retry;
    char *detail;
} unsent;

/* ---- pictures ---- */

static const char *media_type_of(const unsigned char *head, size_t size, unsigned media)
{
    if (size >= 8 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "image/png";
    if (size >= 3 && memcmp(head, "\xff\xd8\xff", 3) == 0)
        return "image/jpeg";
    if ((media & FM_REMOTE_GIF) && size >= 6 && memcmp(head, "GIF8", 4) == 0)
        return "image/gif";
    if (size < 12)
        return NULL;
    if ((media & FM_REMOTE_WEBP) && memcmp(head, "RIFF", 4) == 0 &&
        memcmp(head + 8, "WEBP", 4) == 0)
        return "image/webp";
    if ((media & FM_REMOTE_HEIC) && memcmp(head + 4, "ftypheic", 8) == 0)
        return "image/heic";
    return NULL;
}

static fm_status open_picture(const fm_remote_dialect *dialect, const char *path, bool by_hash,
                              fm_remote_picture *out, fm_err *err)
{
    unsigned char head[16];
    struct stat info;
    fm_status st = FM_OK;
    FILE *f = fopen(path, "rbe");

    if (!f)
        return fm_fail(err, errno == ENOENT ? FM_E_INPUT : FM_E_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    /* What is read is encoded in pieces of our own: the stream's buffer would only copy it. */
    setvbuf(f, NULL, _IONBF, 0);
    size_t n = fread(head, 1, sizeof(head), f);
    out->path = path;
    out->media_type = media_type_of(head, n, dialect->media);
    if (ferror(f) || fstat(fileno(f), &info) != 0 || fseek(f, 0, SEEK_SET) != 0)
        st = fm_fail(err, FM_E_IO, "cannot read '%s': %s", path, strerror(errno));
    else if (!out->media_type)
        st = fm_fail(err, FM_E_INPUT, "'%s' is no picture that '%s' takes (%s)", path,
                     dialect->ops->name, dialect->media ? "PNG, JPEG and some more" : "PNG, JPEG");
    else if (info.st_size > dialect->max_picture_bytes)
        st = fm_fail(err, FM_E_INPUT, "'%s' has %.1f MB, and '%s' takes pictures up to %.1f MB",
                     path, (double)info.st_size / 1e6, dialect->ops->name,
                     (double)dialect->max_picture_bytes / 1e6);
    else
        out->size = info.st_size;
    if (st == FM_OK && by_hash)
        st = fm_hash_file(path, out->hash, err);
    if (st == FM_OK && !by_hash)
        out->file = f;
    else
        fclose(f);
    return st;
}

static void close_picture(fm_remote_picture *picture)
{
    if (picture->file)
        fclose(picture->file);
    picture->file = NULL;
}

static size_t base64_size(int64_t size)
{
    return ((size_t)size + 2) / 3 * 4;
}

/* The file in base64 at the end of the body, piece by piece: there is never a second copy of it. */
static void append_file(fm_remote_message *message, fm_remote_picture *picture)
{
    unsigned char piece[PIECE_BYTES];
    int64_t left = picture->size; /* of a file that grows only what was judged is sent */

    while (left > 0) {
        size_t want = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        size_t n = fread(piece, 1, want, picture->file);

        if (n < want) {
            message->failed =
                fm_fail(message->err, FM_E_IO, "cannot read '%s': %s", picture->path,
                        ferror(picture->file) ? strerror(errno) : "it became shorter");
            return;
        }
        fm_base64_encode(&message->body, piece, n);
        left -= (int64_t)n;
    }
}

void fm_remote_put_picture(fm_remote_message *message, const char *key, const char *before,
                           fm_remote_picture *picture)
{
    fm_buf *body = &message->body;

    fm_json_put_string(&message->w, key, before);
    if (body->failed || body->size == 0)
        return;
    body->size--; /* the closing quote comes after the picture */
    size_t start = body->size;
    if (picture->file)
        append_file(message, picture);
    else
        fm_buf_printf(body, "sha256:%s", picture->hash);
    if (message->n_spans < FM_COUNT_OF(message->spans))
        message->spans[message->n_spans++] = (fm_wire_span){start, body->size - start};
    fm_buf_putc(body, '"');
}

void fm_remote_put_text_part(fm_json_writer *w, const char *text)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "type", "text");
    fm_json_put_string(w, "text", text);
    fm_json_close(w, '}');
}

/* ---- a request ---- */

static fm_status open_pictures(const fm_remote *remote, const fm_request *request, bool by_hash,
                               fm_remote_message *message, fm_err *err)
{
    fm_status st = FM_OK;

    if (remote->sends_image && request->n_more_images >= FM_REMOTE_PICTURES)
        return fm_fail(err, FM_E_INPUT, "more than %d pictures cannot be sent", FM_REMOTE_PICTURES);
    if (remote->sends_image && request->image_path)
        st = open_picture(remote->dialect, request->image_path, by_hash,
                          &message->images[message->n_images++], err);
    for (size_t i = 0; st == FM_OK && remote->sends_image && i < request->n_more_images; i++)
        st = open_picture(remote->dialect, request->more_images[i], by_hash,
                          &message->images[message->n_images++], err);
    if (st == FM_OK && remote->sends_depth && request->depth_path)
        st = open_picture(remote->dialect, request->depth_path, by_hash, &message->depth, err);
    return st;
}

/* Room for the whole body at once: a buffer that doubles would take twice the picture. */
static void reserve_body(fm_remote_message *message)
{
    size_t text = strlen(message->request->prompt), room = 4096 + text + text / 8;

    for (size_t i = 0; i < message->n_images; i++)
        if (message->images[i].file)
            room += base64_size(message->images[i].size);
    if (message->depth.file)
        room += base64_size(message->depth.size);
    (void)fm_buf_room(&message->body, room);
}

fm_status fm_remote_compose(fm_remote *remote, const fm_request *request, bool by_hash,
                            fm_remote_message *message, fm_err *err)
{
    const char *missing =
        remote->dialect->missing ? remote->dialect->missing(remote, request) : NULL;
    const cJSON *item;

    *message = (fm_remote_message){.request = request, .err = err};
    if (missing)
        return fm_fail(err, FM_E_INPUT, "%s", missing);
    fm_status st = open_pictures(remote, request, by_hash, message, err);
    if (st == FM_OK) {
        message->w.out = &message->body;
        reserve_body(message);
        fm_json_open(&message->w, NULL, '{');
        /* Each asking of a sample draws from a seed of its own. */
        if (remote->seed)
            cJSON_SetNumberValue(remote->seed, remote->seed_start +
                                                   (request->repeat > 1 ? request->repeat - 1 : 0));
        cJSON_ArrayForEach(item, remote->fixed) fm_json_put_tree(&message->w, item->string, item);
        remote->dialect->build(remote, message);
        fm_json_close(&message->w, '}');
        st = message->failed ? message->failed : fm_buf_check(&message->body, "a request", err);
    }
    for (size_t i = 0; i < message->n_images; i++)
        close_picture(&message->images[i]);
    close_picture(&message->depth);
    if (st != FM_OK)
        fm_buf_release(&message->body);
    return st;
}

/* A request that cannot be asked is a sample that was skipped, or that failed where reading did. */
static fm_status note_unsent(fm_remote *remote, uint64_t ticket, fm_status why, const fm_err *cause,
                             fm_err *err)
{
    if (remote->n_unsent == remote->unsent_capacity) {
        size_t capacity = remote->unsent_capacity ? remote->unsent_capacity * 2 : 16;
        unsent *grown = realloc(remote->unsent, capacity * sizeof(*grown));

        if (!grown)
            return fm_fail(err, FM_E_NOMEM, "no memory for a reply");
        remote->unsent = grown;
        remote->unsent_capacity = capacity;
    }
    char *detail = strdup(cause->text);
    if (!detail)
        return fm_fail(err, FM_E_NOMEM, "no memory for a reply");
    remote->unsent[remote->n_unsent++] = (unsent){
        .ticket = ticket,
        .status = why == FM_E_INPUT ? FM_SAMPLE_SKIPPED : FM_SAMPLE_API_ERROR,
        .retry = why == FM_E_INPUT ? FM_RETRY_NEVER : FM_RETRY_TRANSIENT,
        .detail = detail,
    };
    return FM_OK;
}

fm_status fm_remote_submit(void *state, const fm_request *request, uint64_t ticket, fm_err *err)
{
    fm_remote *remote = state;
    fm_remote_message message;
    fm_err cause = {0};
    fm_status st = fm_remote_compose(remote, request, false, &message, &cause);

    if (st == FM_E_INPUT || st == FM_E_IO)
        return note_unsent(remote, ticket, st, &cause, err);
    if (st != FM_OK)
        return fm_fail(err, st, "%s", cause.text);
    fm_wire_request sent = {
        .method = "POST",
        .url = remote->url,
        .headers = remote->headers,
        .n_headers = remote->n_headers,
        .body = &message.body,
        .spans = message.spans,
        .n_spans = message.n_spans,
    };
    st = fm_wire_send(remote->wire, &sent, ticket, err);
    fm_buf_release(&message.body);
    return st;
}

/* ---- arrivals ---- */

static size_t give_unsent(fm_remote *remote, fm_arrival *arrivals, size_t capacity)
{
    size_t n = remote->n_unsent < capacity ? remote->n_unsent : capacity;

    for (size_t i = 0; i < n; i++) {
        unsent *u = &remote->unsent[i];

        arrivals[i] = (fm_arrival){
            .ticket = u->ticket,
            .reply = {.status = u->status,
                      .retry = u->retry,
                      .detail = fm_arena_strdup(&remote->replies, u->detail)},
        };
        free(u->detail);
    }
    remote->n_unsent -= n;
    if (n)
        memmove(remote->unsent, remote->unsent + n, remote->n_unsent * sizeof(*remote->unsent));
    return n;
}

fm_status fm_remote_poll(void *state, double wait_s, fm_arrival *arrivals, size_t capacity,
                         size_t *n, fm_err *err)
{
    fm_remote *remote = state;
    fm_wire_reply replies[MAX_ARRIVALS];
    size_t came = 0;

    fm_arena_reset(&remote->replies);
    size_t given = give_unsent(remote, arrivals, capacity);
    size_t room = capacity - given < MAX_ARRIVALS ? capacity - given : MAX_ARRIVALS;
    fm_status st = FM_OK;
    if (room)
        st = fm_wire_poll(remote->wire, given ? 0 : wait_s, replies, room, &came, err);
    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < came; i++) {
        fm_arrival *a = &arrivals[given + i];

        *a = (fm_arrival){.ticket = replies[i].ticket};
        fm_remote_read(remote, &replies[i], fm_wire_header_value, &remote->replies, &a->reply);
    }
    *n = given + came;
    return FM_OK;
}

void fm_remote_abandon(void *state, uint64_t ticket)
{
    fm_remote *remote = state;

    for (size_t i = 0; i < remote->n_unsent; i++)
        if (remote->unsent[i].ticket == ticket) {
            free(remote->unsent[i].detail);
            remote->unsent[i] = remote->unsent[--remote->n_unsent];
            return;
        }
    fm_wire_abandon(remote->wire, ticket);
}

/* ---- what asking would take ---- */

static void hash_text(fm_hash *hash, const char *text)
{
    fm_hash_update(hash, text, strlen(text) + 1); /* the end too: ("a", "bc") is not ("ab", "c") */
}

/* Everything that determines the reply. Secret headers name an account, and which account asks
 * determines nothing. */
static fm_status make_key(const fm_remote *remote, const fm_remote_message *message,
                          fm_estimate *out, fm_err *err)
{
    fm_hash *hash = fm_hash_new();
    char repeat[16];

    if (!hash)
        return fm_fail(err, FM_E_NOMEM, "no memory for a hash");
    hash_text(hash, remote->dialect->ops->name);
    hash_text(hash, remote->url);
    for (size_t i = 0; i < remote->n_headers; i++)
        if (!remote->headers[i].secret) {
            hash_text(hash, remote->headers[i].name);
            hash_text(hash, remote->headers[i].value);
        }
    snprintf(repeat, sizeof(repeat), "%d", message->request->repeat);
    hash_text(hash, repeat);
    fm_hash_update(hash, message->body.data, message->body.size);
    fm_hash_finish(hash, out->key);
    return FM_OK;
}

static int64_t picture_tokens(const fm_remote *remote, const fm_remote_picture *picture)
{
    fm_raster_info info = {.width = 1024,
                           .height = 1024}; /* where the header is beyond our reader */

    if (!picture->path || !remote->dialect->picture_tokens)
        return 0;
    (void)!fm_raster_probe(picture->path, &info, NULL);
    return remote->dialect->picture_tokens(remote, info.width, info.height);
}

static int64_t header_bytes(const fm_remote *remote)
{
    size_t size = strlen(remote->url) + 16;

    for (size_t i = 0; i < remote->n_headers; i++)
        size += strlen(remote->headers[i].name) + strlen(remote->headers[i].value) + 4;
    return (int64_t)size;
}

fm_status fm_remote_estimate(void *state, const fm_request *request, fm_estimate *out, fm_err *err)
{
    fm_remote *remote = state;
    fm_remote_message message;
    fm_estimate made = {.sampled = remote->sampled, .output_tokens = remote->max_output_tokens};
    fm_status st = fm_remote_compose(remote, request, true, &message, err);

    if (st == FM_E_INPUT || st == FM_E_IO) {
        *out = (fm_estimate){0}; /* nothing would be sent: submit says why */
        return FM_OK;
    }
    if (st != FM_OK)
        return st;
    size_t texts = message.body.size;
    made.request_bytes = (int64_t)message.body.size + header_bytes(remote);
    for (size_t i = 0; i < message.n_spans; i++)
        texts -= message.spans[i].size;
    for (size_t i = 0; i <= message.n_images; i++) {
        const fm_remote_picture *p = i < message.n_images ? &message.images[i] : &message.depth;

        if (p->path) {
            made.request_bytes += (int64_t)base64_size(p->size);
            made.input_tokens += picture_tokens(remote, p);
        }
    }
    made.request_bytes -= (int64_t)(message.body.size - texts);
    /* Four bytes of English a token; the names around the text stand for the provider's own. */
    made.input_tokens += ((int64_t)texts + 3) / 4;
    st = make_key(remote, &message, &made, err);
    fm_buf_release(&message.body);
    if (st == FM_OK)
        *out = made;
    return st;
}

/* ---- opening ---- */

void fm_remote_close(void *state)
{
    fm_remote *remote = state;

    fm_wire_close(remote->wire);
    for (size_t i = 0; i < remote->n_unsent; i++)
        free(remote->unsent[i].detail);
    free(remote->unsent);
    cJSON_Delete(remote->fixed);
    fm_arena_release(&remote->replies);
    fm_arena_release(&remote->arena);
    free(remote);
}

fm_status fm_remote_open(const fm_remote_dialect *dialect, void **state,
                         const fm_adapter_config *config, fm_err *err)
{
    fm_remote *remote = calloc(1, sizeof(*remote));

    if (!remote)
        return fm_fail(err, FM_E_NOMEM, "no memory for adapter '%s'", dialect->ops->name);
    remote->dialect = dialect;
    remote->config = config;
    remote->sends_image = true;
    fm_status st = fm_remote_configure(remote, err);
    if (st == FM_OK) {
        fm_wire_config wire = {
            .ca_file = fm_remote_setting(remote, "ca_file"),
            .connect_timeout_s = config->connect_timeout_s,
            .timeout_s = config->timeout_s,
            .record_path = config->record_path,
            .replay_path = config->replay_path,
        };
        st = fm_wire_open(&remote->wire, &wire, err);
    }
    remote->config = NULL;
    if (st != FM_OK) {
        fm_remote_close(remote);
        return st;
    }
    *state = remote;
    return FM_OK;
}
