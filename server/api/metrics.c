/*
 * Statuses are few, so each command has one counter for every status there is in a small table;
 * what is not in it counts as "other".
 */
#include "server/api/metrics.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "host/isolation/isolation.h"
#include "server/api/api.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const unsigned STATUSES[] = {200, 201, 204, 207, 304, 400, 401, 403, 404, 405, 406, 409,
                                    412, 413, 415, 422, 429, 499, 500, 502, 503, 504, 0};
#define N_STATUSES (sizeof(STATUSES) / sizeof(STATUSES[0]))

/* Upper bounds of the histogram's buckets. */
static const uint64_t BUCKETS_US[] = {250,     500,     1000,     2500,    5000,   10000,
                                      25000,   50000,   100000,   250000,  500000, 1000000,
                                      2500000, 5000000, 10000000, 30000000};
#define N_BUCKETS (sizeof(BUCKETS_US) / sizeof(BUCKETS_US[0]))

struct counters {
    atomic_ullong statuses[N_STATUSES];
    atomic_ullong buckets[N_BUCKETS + 1];
    atomic_ullong sum_us;
};

struct rh_metrics {
    unsigned n;
    struct counters commands[];
};

struct rh_metrics *rh_metrics_new(unsigned n_commands)
{
    struct rh_metrics *metrics;

    metrics = calloc(1, sizeof(*metrics) + (n_commands + 1) * sizeof(metrics->commands[0]));
    if (metrics)
        metrics->n = n_commands;
    return metrics;
}

void rh_metrics_free(struct rh_metrics *metrics)
{
    free(metrics);
}

void rh_metrics_count(struct rh_metrics *metrics, unsigned command, unsigned status,
                      uint64_t duration_us)
{
    struct counters *counters = &metrics->commands[command < metrics->n ? command : metrics->n];
    size_t i = 0, k = 0;

    while (i < N_STATUSES - 1 && STATUSES[i] != status)
        i++;
    while (k < N_BUCKETS && duration_us > BUCKETS_US[k])
        k++;
    atomic_fetch_add_explicit(&counters->statuses[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->buckets[k], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->sum_us, duration_us, memory_order_relaxed);
}

static const char *label(unsigned position)
{
    const struct rh_command *command = rh_command_at(position);

    return command ? command->name : "none";
}

static void write_requests(const struct rh_metrics *metrics, struct rh_buf *buf)
{
    rh_buf_add_str(buf, "# HELP rowhouse_requests_total Requests by command and status.\n"
                        "# TYPE rowhouse_requests_total counter\n");
    for (unsigned c = 0; c <= metrics->n; c++) {
        for (size_t i = 0; i < N_STATUSES; i++) {
            unsigned long long n = atomic_load(&metrics->commands[c].statuses[i]);
            if (!n)
                continue;
            rh_buf_addf(buf, "rowhouse_requests_total{command=\"%s\",status=\"", label(c));
            if (STATUSES[i])
                rh_buf_addf(buf, "%u\"} %llu\n", STATUSES[i], n);
            else
                rh_buf_addf(buf, "other\"} %llu\n", n);
        }
    }
}

static void write_durations(const struct rh_metrics *metrics, struct rh_buf *buf)
{
    rh_buf_add_str(buf, "# HELP rowhouse_request_seconds Time from request line to answer.\n"
                        "# TYPE rowhouse_request_seconds histogram\n");
    for (unsigned c = 0; c <= metrics->n; c++) {
        const struct counters *counters = &metrics->commands[c];
        unsigned long long total = 0;
        for (size_t k = 0; k <= N_BUCKETS; k++)
            total += atomic_load(&counters->buckets[k]);
        if (!total)
            continue;
        total = 0;
        for (size_t k = 0; k <= N_BUCKETS; k++) {
            total += atomic_load(&counters->buckets[k]);
            rh_buf_addf(buf, "rowhouse_request_seconds_bucket{command=\"%s\",le=\"", label(c));
            if (k < N_BUCKETS)
                rh_buf_addf(buf, "%g\"} %llu\n", (double)BUCKETS_US[k] / 1e6, total);
            else
                rh_buf_addf(buf, "+Inf\"} %llu\n", total);
        }
        rh_buf_addf(buf,
                    "rowhouse_request_seconds_sum{command=\"%s\"} %.6f\n"
                    "rowhouse_request_seconds_count{command=\"%s\"} %llu\n",
                    label(c), (double)atomic_load(&counters->sum_us) / 1e6, label(c), total);
    }
}

static void write_pool(void *context, const char *app, const char *name,
                       struct rh_datasource *datasource)
{
    struct rh_buf *buf = context;
    struct rh_pool_stats stats = {0};
    char labels[200];

    rh_pool_stats(rh_datasource_pool(datasource), &stats);
    snprintf(labels, sizeof(labels), "app=\"%s\",datasource=\"%s\"", app, name);
    rh_buf_addf(buf,
                "rowhouse_pool_connections{%s,state=\"idle\"} %u\n"
                "rowhouse_pool_connections{%s,state=\"borrowed\"} %u\n"
                "rowhouse_pool_waiting{%s} %u\n"
                "rowhouse_pool_opened_total{%s} %llu\n"
                "rowhouse_pool_failed_total{%s} %llu\n"
                "rowhouse_pool_broken{%s} %d\n",
                labels, stats.n_idle, labels, stats.n_borrowed, labels, stats.n_waiting, labels,
                (unsigned long long)stats.n_opened, labels, (unsigned long long)stats.n_failed,
                labels, stats.broken);
}

static void write_isolated(void *context, const struct rh_library *library,
                           const struct rh_isolation_stats *stats)
{
    const struct rh_connector *connector = &library->connector;
    struct rh_buf *buf = context;
    char labels[300];

    snprintf(labels, sizeof(labels), "connector=\"%.*s\",version=\"%.*s\"",
             RH_TEXT_ARG(connector->id), RH_TEXT_ARG(connector->version));
    rh_buf_addf(buf,
                "rowhouse_isolated_processes{%s} %u\n"
                "rowhouse_isolated_started_total{%s} %llu\n"
                "rowhouse_isolated_restarted_total{%s} %llu\n"
                "rowhouse_isolated_crashed_total{%s} %llu\n"
                "rowhouse_isolated_killed_total{%s} %llu\n",
                labels, stats->n_running, labels, (unsigned long long)stats->n_started, labels,
                (unsigned long long)stats->n_restarted, labels,
                (unsigned long long)stats->n_crashed, labels, (unsigned long long)stats->n_killed);
}

static long long resident_bytes(void)
{
    long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    char *rest;

    if (!file)
        return 0;
    if (fgets(line, sizeof(line), file)) {
        size = strtoll(line, &rest, 10);
        resident = size ? strtoll(rest, NULL, 10) : 0;
    }
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static void write_process(struct rh_api *api, struct rh_buf *buf)
{
    struct rh_web_server *server = atomic_load(&api->server);
    struct rh_web_stats http = {0};

    if (server)
        rh_web_server_stats(server, &http);
    rh_buf_addf(buf,
                "# TYPE rowhouse_requests_active gauge\nrowhouse_requests_active %u\n"
                "# TYPE rowhouse_requests_queued gauge\nrowhouse_requests_queued %u\n"
                "# TYPE rowhouse_workers gauge\nrowhouse_workers %u\n"
                "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %lld\n"
                "# TYPE rowhouse_uptime_seconds gauge\nrowhouse_uptime_seconds %.3f\n"
                "# TYPE rowhouse_info gauge\nrowhouse_info{version=\"" RH_VERSION "\"} 1\n",
                http.n_active, http.n_queued, http.n_workers, resident_bytes(),
                (double)(rh_clock_us() - api->started_us) / 1e6);
}

void rh_metrics_write(struct rh_api *api, struct rh_buf *buf)
{
    write_requests(api->metrics, buf);
    write_durations(api->metrics, buf);
    rh_buf_add_str(buf, "# TYPE rowhouse_pool_connections gauge\n"
                        "# TYPE rowhouse_pool_waiting gauge\n"
                        "# TYPE rowhouse_pool_opened_total counter\n"
                        "# TYPE rowhouse_pool_failed_total counter\n"
                        "# TYPE rowhouse_pool_broken gauge\n");
    rh_datasource_cache_each(api->datasources, write_pool, buf);
    rh_buf_add_str(buf, "# TYPE rowhouse_isolated_processes gauge\n"
                        "# TYPE rowhouse_isolated_started_total counter\n"
                        "# TYPE rowhouse_isolated_restarted_total counter\n"
                        "# TYPE rowhouse_isolated_crashed_total counter\n"
                        "# TYPE rowhouse_isolated_killed_total counter\n");
    rh_isolation_each(write_isolated, buf);
    write_process(api, buf);
}
