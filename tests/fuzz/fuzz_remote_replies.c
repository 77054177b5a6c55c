/* Any bytes as what a provider sends: the first byte chooses the dialect, the second the HTTP status,
 * then come headers until an empty line, then the body. A reply has exactly one status, one line of
 * detail, no key of ours, and text only where it is told how much. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapters/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "sk-canary-0123456789"

enum { MAX_HEADERS = 8 };

typedef struct {
    char *names[MAX_HEADERS], *values[MAX_HEADERS];
    size_t n;
} headers;

static const char *header_in(const fm_wire_reply *reply, const char *name)
{
    const headers *all = reply->headers;

    for (size_t i = 0; i < all->n; i++)
        if (strcasecmp(all->names[i], name) == 0)
            return all->values[i];
    return NULL;
}

/* "name: value" lines up to an empty one; what follows is the body. */
static char *cut_headers(char *text, headers *out)
{
    while (*text && *text != '\n' && out->n < MAX_HEADERS) {
        size_t line = strcspn(text, "\n");
        char *colon = memchr(text, ':', line);

        if (!colon || !text[line])
            return text;
        text[line] = '\0';
        *colon = '\0';
        out->names[out->n] = text;
        out->values[out->n++] = colon + 1 + strspn(colon + 1, " ");
        text += line + 1;
    }
    return *text == '\n' ? text + 1 : text;
}

static fm_remote *open_one(const fm_remote_dialect *dialect)
{
    const fm_setting settings[] = {
        {"base_url", "http://127.0.0.1:9"}, {"key_env", "FM_FUZZ_KEY"}, {"model", "m"}};
    const fm_adapter_config config = {.settings = settings,
                                      .n_settings = dialect->needs_model ? 3 : 2};
    void *state;

    if (fm_remote_open(dialect, &state, &config, NULL) != FM_OK)
        abort();
    return state;
}

static void check_line(const char *text)
{
    if (text && (strlen(text) > 512 || strchr(text, '\n') || strstr(text, KEY)))
        abort();
}

static void check(const fm_reply *reply)
{
    if (reply->status < 0 || reply->status >= FM_SAMPLE_STATUS_COUNT ||
        reply->status == FM_SAMPLE_PARSE_ERROR || reply->status == FM_SAMPLE_SKIPPED)
        abort();
    if ((reply->size && !reply->text) || (reply->status == FM_SAMPLE_OK && !reply->size))
        abort();
    if (reply->text && memmem(reply->text, reply->size, KEY, strlen(KEY)))
        abort();
    if (reply->status == FM_SAMPLE_OK && (reply->http_status != 200 || reply->detail))
        abort();
    if (!(reply->retry_after_s >= 0) || reply->retry_after_s > 1e7)
        abort();
    if (reply->usage.input_tokens < 0 || reply->usage.output_tokens < 0 ||
        reply->usage.thought_tokens < 0 || reply->usage.cached_tokens < 0)
        abort();
    check_line(reply->detail);
    if ((reply->finish_reason && strstr(reply->finish_reason, KEY)) ||
        (reply->model && strstr(reply->model, KEY)) ||
        (reply->request_id && strstr(reply->request_id, KEY)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const fm_remote_dialect *const dialects[] = {
        &fm_remote_gemini, &fm_remote_openai, &fm_remote_anthropic, &fm_remote_robotracer};
    static const int statuses[] = {200, 429, 400, 401, 404, 500, 529, 302};
    static fm_remote *remotes[4];
    headers all = {0};
    fm_arena arena = {0};
    fm_reply reply;

    if (size < 2)
        return 0;
    if (!remotes[0]) {
        setenv("FM_FUZZ_KEY", KEY, 1);
        for (size_t i = 0; i < 4; i++)
            remotes[i] = open_one(dialects[i]);
    }
    char *text = malloc(size - 1);
    if (!text)
        abort();
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    char *body = cut_headers(text, &all);
    const fm_wire_reply wire = {.end = FM_WIRE_DONE,
                                .status = statuses[data[1] % 8],
                                .body = body,
                                .size = size - 2 - (size_t)(body - text),
                                .headers = &all};
    fm_remote_read(remotes[data[0] % 4], &wire, header_in, &arena, &reply);
    check(&reply);
    fm_arena_release(&arena);
    free(text);
    return 0;
}
