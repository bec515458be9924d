/* What libcurl's results mean in the words of rh_error. */
#include "host/http/transfer.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

static int advise(const struct rh_http_transfer *transfer, struct rh_error *error)
{
    if (error)
        error->retry = transfer->sent ? RH_RETRY_IF_IDEMPOTENT : RH_RETRY_SAFE;
    return error ? error->error_class : RH_INTERNAL;
}

static int class_of(const struct rh_http_transfer *transfer)
{
    switch (transfer->result) {
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
        return RH_CONFIG;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return RH_PROTOCOL;
    case CURLE_RECV_ERROR: /* this one for malformed chunks too, which only the text tells */
        return strstr(transfer->detail, "chunk") ? RH_PROTOCOL : RH_UNAVAILABLE;
    default:
        return RH_UNAVAILABLE;
    }
}

/* Certificates do not get better by trying again. */
static bool is_final(CURLcode result)
{
    return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CERTPROBLEM ||
           result == CURLE_SSL_CACERT_BADFILE || result == CURLE_SSL_CIPHER;
}

int rh_http_transfer_outcome(const struct rh_http_transfer *transfer, const char *shown,
                             struct rh_error *error)
{
    const char *detail =
        transfer->detail[0] ? transfer->detail : curl_easy_strerror(transfer->result);

    if (transfer->result == CURLE_OK)
        return RH_OK;
    if (transfer->fault.error_class) {
        rh_fail(error, transfer->fault.error_class, "%s: %s", shown, transfer->fault.message);
    } else if (transfer->result == CURLE_OUT_OF_MEMORY) {
        rh_fail_nomem(error);
    } else if (transfer->forbidden && !transfer->sent) {
        rh_fail(error, RH_PERMISSION, "%s has an address that requests may not go to", shown);
        rh_error_code(error, "egress-forbidden");
        return error ? error->error_class : RH_PERMISSION;
    } else if (transfer->repeated) {
        rh_fail(error, RH_UNAVAILABLE, "%s: the connection was lost after the request was sent",
                shown);
    } else {
        rh_fail(error, class_of(transfer), "%s: %s", shown, detail);
        if (transfer->result == CURLE_PEER_FAILED_VERIFICATION)
            rh_error_hint(error, "give the certificate of its authority in the settings");
        if (is_final(transfer->result)) {
            if (error)
                error->retry = RH_RETRY_NEVER;
            return error ? error->error_class : class_of(transfer);
        }
    }
    return advise(transfer, error);
}
