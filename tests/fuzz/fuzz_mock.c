/* Any bytes as a request to the mock: every provider's form reads them, and whatever it answers or
 * refuses with is JSON. */
#include <stdlib.h>

#include "base/size.h"
#include "mock/mock_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_json(mock_reply *reply)
{
    cJSON *tree = NULL;
    fm_err err;

    if (reply->status < 200 || reply->status > 599 ||
        fm_json_parse(fm_buf_text(&reply->body), reply->body.size, "reply", &tree, &err) != FM_OK)
        abort();
    cJSON_Delete(tree);
    mock_reply_clear(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"/v1beta/models/m:generateContent", "/v1/chat/completions",
                                        "/v1/messages", "/query"};
    const char *body = size ? (const char *)data : "";
    mock_asked asked = {.hash = mock_body_hash(body, size)};
    mock_reply reply = {0};
    fm_err err;

    for (size_t i = 0; i < FM_COUNT_OF(paths); i++) {
        const mock_dialect *dialect = mock_dialect_of(paths[i]);

        if (mock_asked_read(&asked, dialect, paths[i], body, size, &err) != FM_OK)
            abort();
        for (int ending = MOCK_ANSWER_WHOLE; ending <= MOCK_ANSWER_UNKNOWN; ending++) {
            mock_write_answer(&reply, &asked, fm_buf_text(&asked.prompt), asked.prompt.size,
                              (mock_ending)ending);
            require_json(&reply);
        }
        for (int refusal = 0; refusal < MOCK_REFUSALS; refusal++) {
            mock_write_refusal(&reply, dialect, (mock_refusal)refusal, asked.problem, 0.5);
            require_json(&reply);
        }
    }
    mock_asked_release(&asked);
    mock_reply_release(&reply);
    return 0;
}
