/*
 * Rowhouse connector ABI: HTTP through the host.
 *
 * A connector that speaks HTTP links nothing: the host brings TLS, proxies, redirects, kept-alive
 * connections, authentication, deadlines, cancellation, retries of what is safe, rate limits and
 * egress rules. An isolated connector gets the same service inside its own process.
 *
 *   client = open once per connection ──► exchange = send ─► [write…] ─► answer ─► read… ─► close
 *
 * Several exchanges of a client may be open at once, also in different threads: each has a network
 * connection to itself while it is open, and leaves it behind for the next.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rh_host;
struct rh_op;
struct rh_http_client;   /* the host's */
struct rh_http_exchange; /* the host's */

/* Frozen: arrays of it cross without a stride. */
struct rh_http_header {
    struct rh_text name;
    struct rh_text value;
};

/*
 * How requests are authenticated, by RH_HTTP_AUTH_*, with these texts of rh_http_options:
 *
 *   NONE
 *   BASIC           user, secret
 *   BEARER          secret
 *   HEADER          the header `user` has the value `secret` (API keys)
 *   QUERY           the query parameter `user` has the value `secret`
 *   SIGV4           AWS Signature 4: user = access key, secret, region, service ("s3" is signed as S3
 *                   wants it), and token = session token, or no text
 *   OAUTH2_CLIENT   client credentials: token_url, user = client id, secret, scope, audience
 *   OAUTH2_REFRESH  refresh token: token_url, user, secret, token, scope
 *   OAUTH2_JWT      RFC 7523 with RS256 (Google service accounts): token_url, user = issuer,
 *                   secret = private key in PEM, scope, audience (no text: token_url)
 *
 * Secrets never appear in a message. Access tokens are kept in memory and shared by all clients
 * with the same texts; one is fetched before the old one expires, and once more after a 401.
 */
#define RH_HTTP_AUTH_NONE 0
#define RH_HTTP_AUTH_BASIC 1
#define RH_HTTP_AUTH_BEARER 2
#define RH_HTTP_AUTH_HEADER 3
#define RH_HTTP_AUTH_QUERY 4
#define RH_HTTP_AUTH_SIGV4 5
#define RH_HTTP_AUTH_OAUTH2_CLIENT 6
#define RH_HTTP_AUTH_OAUTH2_REFRESH 7
#define RH_HTTP_AUTH_OAUTH2_JWT 8

/* A client. Everything is copied. Zero and no text mean "the default". */
struct rh_http_options {
    uint32_t struct_size;
    uint32_t auth;           /* RH_HTTP_AUTH_* */
    struct rh_text base_url; /* "https://api.example.com/v1": http or https, no query, no user.
                                Credentials are sent to its origin only, and only its host and
                                port may have a private or loopback address */
    struct rh_text user;
    struct rh_text secret;
    struct rh_text token;
    struct rh_text token_url;
    struct rh_text scope;
    struct rh_text audience;
    struct rh_text region;
    struct rh_text service;
    struct rh_text proxy; /* http, https, socks5 or socks5h URL, with user and password where
                             needed; no text: none, whatever the environment says */
    struct rh_text ca;    /* certificates in PEM that are trusted instead of the system's */
    struct rh_text cert;  /* client certificate and key in PEM */
    struct rh_text key;
    const struct rh_http_header *headers; /* sent with every request to the base URL's origin */
    uint32_t n_headers;
    uint32_t flags;            /* RH_HTTP_CLIENT_* */
    uint32_t max_redirects;    /* 0: none are followed, their answers are returned */
    uint32_t retries;          /* how often one request may be repeated; 0: never */
    uint32_t rate_per_minute;  /* requests, bursts of one second's worth; shared by all clients with
                                  the same origin, user and secret. 0: as the server says with 429
                                  and Retry-After */
    uint32_t max_header_bytes; /* of an answer; default 64 KiB */
    uint64_t max_answer_bytes; /* after decompression; a longer one ends with RESOURCE;
                                  0: not limited, since `read` is in pieces */
};

#define RH_HTTP_CLIENT_INSECURE 0x1u /* the server's certificate is not verified; the log says so */

/* rh_http_request.flags */
#define RH_HTTP_SAFE                                                                               \
    0x1u /* may be repeated though its method does not say so (a POST that reads) */
#define RH_HTTP_STREAM 0x2u /* the body comes by `write`; `body` is not used */

/*
 * Borrowed for `send`, the body until the exchange is closed. The host sets Host, Content-Length
 * (for a stream: give it, else the body is sent in chunks), Accept-Encoding, User-Agent (unless
 * given) and what authenticates; headers that say how the message is framed are refused.
 */
struct rh_http_request {
    uint32_t struct_size;
    uint32_t flags;
    struct rh_text method; /* "GET", as it is to be sent */
    struct rh_text url;    /* absolute (http:// or https://), or what stands behind base_url:
                              "/items?page=2"; already percent-encoded */
    const struct rh_http_header *headers;
    uint32_t n_headers;
    uint32_t reserved;
    struct rh_text body; /* no text: none */
};

/* The head of an answer; borrowed until the exchange is closed. Every status is an answer: what
 * 404 or 500 mean is the connector's to say. The caller sets struct_size. */
struct rh_http_answer {
    uint32_t struct_size;
    uint32_t status;
    const struct rh_http_header *headers; /* names in lower case */
    uint32_t n_headers;
    uint32_t reserved;
    uint64_t content_length; /* of the body as sent, or RH_HTTP_UNKNOWN_LENGTH */
    uint64_t retry_after_ms; /* 0: the server did not say */
    struct rh_text url; /* where it came from, after redirects; without the secret of AUTH_QUERY */
};
#define RH_HTTP_UNKNOWN_LENGTH ((uint64_t)-1)

/*
 * What is repeated, `retries` times at most, with exponential back-off and jitter, never beyond the
 * deadline, never a stream:
 *   any request      that was never sent (no connection), or that was refused with 429
 *   GET HEAD OPTIONS, RH_HTTP_SAFE   also when the answer was lost before its head came, and after
 *                    502, 503, 504
 * Retry-After is obeyed. When there is not enough time left for it, or no retry left, the answer is
 * returned as it is.
 *
 * Redirects are followed as browsers do: 303 with GET, 301 and 302 turn POST into GET, 307 and 308
 * repeat the request. To another origin only requests without a body go, without credentials and
 * with the headers Accept, Accept-Language and Range alone; never from https to http, never to a
 * private or loopback address (PERMISSION). A redirect of a stream, or of a body to another origin,
 * is returned as an answer.
 *
 * Bodies are decoded from gzip, deflate and zstd.
 *
 * Errors: CONFIG (impossible option), INVALID (malformed request), PERMISSION (egress rules forbid
 * this address), AUTH (the token endpoint refuses), UNAVAILABLE (no such host, refused, reset, TLS,
 * a body that ends early), PROTOCOL (not HTTP, too many redirects, undecodable), RATE_LIMITED (the
 * limiter or an earlier Retry-After goes beyond the deadline), TIMEOUT, CANCELLED, RESOURCE (too
 * long, out of memory). error.retry says whether anything may have happened: RH_RETRY_SAFE when the
 * request was never sent, RH_RETRY_IF_IDEMPOTENT when its answer was lost. An error ends the
 * exchange: only `close` may follow.
 */
struct rh_http {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] Opens no connection yet. Owned by the connector until client_free. CONFIG, RESOURCE. */
    int32_t (*client_new)(const struct rh_host *host, const struct rh_http_options *options,
                          struct rh_http_client **ret_client, struct rh_error *error);
    /* After its exchanges were closed. NULL is allowed. */
    void (*client_free)(struct rh_http_client *client);
    /* [any] Starts a request; waits for the rate limiter and for an access token where there is
     * need. The exchange is owned by the connector until `close`, and used by one thread at a time.
     */
    int32_t (*send)(struct rh_http_client *client, const struct rh_op *op,
                    const struct rh_http_request *request, struct rh_http_exchange **ret_exchange,
                    struct rh_error *error);
    /* A piece of the body of a request with RH_HTTP_STREAM; waits while the peer is slow. An empty
     * piece changes nothing; `answer` ends the body. RH_OK also when the server has answered
     * already and wants no more. */
    int32_t (*write)(struct rh_http_exchange *exchange, const struct rh_op *op,
                     struct rh_text piece, struct rh_error *error);
    /* Waits for the answer's head, after redirects and retries. */
    int32_t (*answer)(struct rh_http_exchange *exchange, const struct rh_op *op,
                      struct rh_http_answer *ret_answer, struct rh_error *error);
    /* The next piece of the body (never empty), decoded; borrowed until the next call on the
     * exchange. RH_END after the last; a body that ends early is UNAVAILABLE, never RH_END. */
    int32_t (*read)(struct rh_http_exchange *exchange, const struct rh_op *op,
                    struct rh_text *ret_piece, struct rh_error *error);
    /* Frees it at any point; early: the connection is dropped. NULL is allowed. */
    void (*close)(struct rh_http_exchange *exchange);
    /* [cancel] Ends what waits in this client with CANCELLED; for the connector's own `cancel`.
     * (The op's cancel fd is always watched too.) */
    void (*cancel)(struct rh_http_client *client);
};

#ifdef __cplusplus
}
#endif
