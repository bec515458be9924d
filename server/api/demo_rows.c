/*
 * What the demo shop holds. The generator is a fixed one (splitmix64 from a fixed seed), so that
 * examples in the documentation keep their answers.
 */
#include "server/api/demo.h"

#include <stdlib.h>

#define N_CATEGORIES 12
#define N_PRODUCTS 300
#define N_CUSTOMERS 1000
#define N_ORDERS 10000
#define MAX_ITEMS 4
#define N_REVIEWS 3000
/* 2023-01-01T00:00:00Z, and two years. */
#define FIRST_SECOND INT64_C(1672531200)
#define SPAN_SECONDS INT64_C(63072000)

struct item {
    int product, quantity, cents;
};

struct order {
    int customer, n_items, status;
    int64_t total_cents, second;
    struct item items[MAX_ITEMS];
};

struct rh_demo_rows {
    int prices_cents[N_PRODUCTS];
    struct order orders[N_ORDERS];
};

static const char *const TABLES[] = {
    "{\"name\":\"categories\",\"columns\":[{\"name\":\"id\",\"type\":\"int\",\"identity\":true},"
    "{\"name\":\"name\",\"type\":\"text\",\"nullable\":false}],\"key\":[\"id\"],\"indexes\":[{"
    "\"name\":\"categories_name\",\"columns\":[\"name\"],\"unique\":true}]}",
    "{\"name\":\"products\",\"columns\":[{\"name\":\"id\",\"type\":\"int\",\"identity\":true},"
    "{\"name\":\"category_id\",\"type\":\"int\",\"nullable\":false},{\"name\":\"name\",\"type\":"
    "\"text\",\"nullable\":false},{\"name\":\"sku\",\"type\":\"text\",\"nullable\":false},"
    "{\"name\":\"price\",\"type\":\"decimal\",\"precision\":10,\"scale\":2,\"nullable\":false},"
    "{\"name\":\"stock\",\"type\":\"int\",\"nullable\":false,\"default\":0},{\"name\":\"active\","
    "\"type\":\"bool\",\"nullable\":false,\"default\":true}],\"key\":[\"id\"],\"indexes\":[{"
    "\"name\":\"products_sku\",\"columns\":[\"sku\"],\"unique\":true},{\"name\":"
    "\"products_category\",\"columns\":[\"category_id\"]}],\"relations\":[{\"columns\":["
    "\"category_id\"],\"table\":\"categories\",\"ref_columns\":[\"id\"]}]}",
    "{\"name\":\"customers\",\"columns\":[{\"name\":\"id\",\"type\":\"int\",\"identity\":true},"
    "{\"name\":\"name\",\"type\":\"text\",\"nullable\":false},{\"name\":\"email\",\"type\":"
    "\"text\",\"nullable\":false},{\"name\":\"country\",\"type\":\"text\"},{\"name\":\"phone\","
    "\"type\":\"text\"},{\"name\":\"created_at\",\"type\":\"timestamp\",\"nullable\":false}],"
    "\"key\":[\"id\"],\"indexes\":[{\"name\":\"customers_email\",\"columns\":[\"email\"],"
    "\"unique\":true}]}",
    "{\"name\":\"orders\",\"columns\":[{\"name\":\"id\",\"type\":\"int\",\"identity\":true},"
    "{\"name\":\"customer_id\",\"type\":\"int\",\"nullable\":false},{\"name\":\"status\",\"type\":"
    "\"text\",\"nullable\":false},{\"name\":\"total\",\"type\":\"decimal\",\"precision\":12,"
    "\"scale\":2,\"nullable\":false},{\"name\":\"note\",\"type\":\"text\"},{\"name\":"
    "\"created_at\",\"type\":\"timestamp\",\"nullable\":false}],\"key\":[\"id\"],\"indexes\":[{"
    "\"name\":\"orders_customer\",\"columns\":[\"customer_id\"]},{\"name\":\"orders_created\","
    "\"columns\":[\"created_at\"]}],\"relations\":[{\"columns\":[\"customer_id\"],\"table\":"
    "\"customers\",\"ref_columns\":[\"id\"]}]}",
    "{\"name\":\"order_items\",\"columns\":[{\"name\":\"order_id\",\"type\":\"int\",\"nullable\":"
    "false},{\"name\":\"line\",\"type\":\"int\",\"nullable\":false},{\"name\":\"product_id\","
    "\"type\":\"int\",\"nullable\":false},{\"name\":\"quantity\",\"type\":\"int\",\"nullable\":"
    "false},{\"name\":\"price\",\"type\":\"decimal\",\"precision\":10,\"scale\":2,\"nullable\":"
    "false}],\"key\":[\"order_id\",\"line\"],\"indexes\":[{\"name\":\"order_items_product\","
    "\"columns\":[\"product_id\"]}],\"relations\":[{\"columns\":[\"order_id\"],\"table\":"
    "\"orders\",\"ref_columns\":[\"id\"]},{\"columns\":[\"product_id\"],\"table\":\"products\","
    "\"ref_columns\":[\"id\"]}]}",
    "{\"name\":\"reviews\",\"columns\":[{\"name\":\"id\",\"type\":\"int\",\"identity\":true},"
    "{\"name\":\"product_id\",\"type\":\"int\",\"nullable\":false},{\"name\":\"customer_id\","
    "\"type\":\"int\",\"nullable\":false},{\"name\":\"rating\",\"type\":\"int\",\"nullable\":false}"
    ",{\"name\":\"body\",\"type\":\"text\"},{\"name\":\"created_at\",\"type\":\"timestamp\","
    "\"nullable\":false}],\"key\":[\"id\"],\"indexes\":[{\"name\":\"reviews_product\",\"columns\":["
    "\"product_id\"]}],\"relations\":[{\"columns\":[\"product_id\"],\"table\":\"products\","
    "\"ref_columns\":[\"id\"]},{\"columns\":[\"customer_id\"],\"table\":\"customers\","
    "\"ref_columns\":[\"id\"]}]}",
};
#define N_TABLES (sizeof(TABLES) / sizeof(TABLES[0]))

static const char *const CATEGORIES[N_CATEGORIES] = {
    "Books",   "Garden",      "Kitchen",    "Lighting", "Music", "Office",
    "Outdoor", "Photography", "Stationery", "Textiles", "Toys",  "Workshop"};
static const char *const ADJECTIVES[] = {"Small",  "Oak",   "Folding", "Nordic", "Quiet", "Brass",
                                         "Linen",  "Round", "Steel",   "Winter", "Plain", "Blue",
                                         "Travel", "Heavy", "Classic", "Garden"};
static const char *const NOUNS[] = {"lamp",  "chair",  "notebook", "kettle", "blanket", "shelf",
                                    "knife", "basket", "clock",    "radio",  "tripod",  "hammer",
                                    "vase",  "pen",    "mug",      "frame",  "speaker", "rake"};
static const char *const FIRST[] = {"Ada",   "Bjørn", "Chiara", "Dmitri", "Élodie",  "Farid",
                                    "Grace", "Hana",  "Ingrid", "João",   "Kofi",    "Lucía",
                                    "Mei",   "Nils",  "Olga",   "Priya",  "Quentin", "Rosa",
                                    "Sana",  "Tomás", "Uma",    "Víctor", "Wanda",   "Zoë"};
static const char *const LAST[] = {"Andersen", "Bauer",  "Costa",  "Dubois", "Eriksen",
                                   "Fischer",  "García", "Hansen", "Ivanov", "Jansen",
                                   "Kim",      "Lopez",  "Müller", "Novak",  "O'Brien",
                                   "Patel",    "Rossi",  "Sato",   "Tanaka", "Weber"};
static const char *const COUNTRIES[] = {"NO", "DE", "FR", "IT", "GB", "US", "JP", "BR", "IN", "SE"};
static const char *const STATUSES[] = {"open",      "paid",     "shipped",
                                       "delivered", "returned", "cancelled"};
static const char *const OPINIONS[] = {
    "Does what it should.", "Better than I thought.", "Arrived late, but works well.",
    "Too small for me.",    "Would buy it again.",    "The colour differs from the picture."};
#define PICK(list, random) ((list)[(random) % (sizeof(list) / sizeof((list)[0]))])

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) >> 16;
}

/* Open orders are recent ones; most old ones have been delivered. */
static int status_of(int64_t second, uint64_t random)
{
    int64_t age = FIRST_SECOND + SPAN_SECONDS - second;

    if (age < 14 * 86400)
        return (int)(random % 3);
    return random % 20 == 0 ? 5 : random % 15 == 0 ? 4 : random % 12 == 0 ? 1 : 3;
}

static void make_order(struct rh_demo_rows *rows, int i, uint64_t *state)
{
    struct order *order = &rows->orders[i];

    order->customer = (int)(next_random(state) % N_CUSTOMERS) + 1;
    order->second =
        FIRST_SECOND + SPAN_SECONDS * i / N_ORDERS + (int64_t)(next_random(state) % 6000);
    order->status = status_of(order->second, next_random(state));
    order->n_items = (int)(next_random(state) % MAX_ITEMS) + 1;
    for (int k = 0; k < order->n_items; k++) {
        struct item *item = &order->items[k];
        item->product = (int)(next_random(state) % N_PRODUCTS) + 1;
        item->quantity = next_random(state) % 3 ? 1 : (int)(next_random(state) % 4) + 1;
        item->cents = rows->prices_cents[item->product - 1];
        order->total_cents += (int64_t)item->quantity * item->cents;
    }
}

struct rh_demo_rows *rh_demo_rows_new(void)
{
    struct rh_demo_rows *rows = calloc(1, sizeof(*rows));
    uint64_t state = 1;

    if (!rows)
        return NULL;
    for (int i = 0; i < N_PRODUCTS; i++)
        rows->prices_cents[i] = (int)(next_random(&state) % 200 + 3) * 100 + 95;
    for (int i = 0; i < N_ORDERS; i++)
        make_order(rows, i, &state);
    return rows;
}

void rh_demo_rows_free(struct rh_demo_rows *rows)
{
    free(rows);
}

const char *rh_demo_table(unsigned position)
{
    return position < N_TABLES ? TABLES[position] : NULL;
}

/* Proleptic Gregorian date of a day since 1970-01-01 (all are after it). */
static void add_time(struct rh_buf *buf, int64_t second)
{
    int64_t days = second / 86400, rest = second % 86400;
    int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;

    rh_buf_addf(buf, "\"%04lld-%02lld-%02lldT%02lld:%02lld:%02lldZ\"",
                (long long)(yoe + era * 400 + (month <= 2)), (long long)month,
                (long long)(doy - (153 * mp + 2) / 5 + 1), (long long)(rest / 3600),
                (long long)(rest / 60 % 60), (long long)(rest % 60));
}

static void add_money(struct rh_buf *buf, int64_t cents)
{
    rh_buf_addf(buf, "%lld.%02lld", (long long)(cents / 100), (long long)(cents % 100));
}

static void write_categories(const struct rh_demo_rows *rows, struct rh_buf *buf)
{
    (void)rows;
    for (int i = 0; i < N_CATEGORIES; i++)
        rh_buf_addf(buf, "{\"id\":%d,\"name\":\"%s\"}\n", i + 1, CATEGORIES[i]);
}

static void write_products(const struct rh_demo_rows *rows, struct rh_buf *buf)
{
    uint64_t state = 2;

    for (int i = 0; i < N_PRODUCTS; i++) {
        uint64_t random = next_random(&state);
        rh_buf_addf(
            buf, "{\"id\":%d,\"category_id\":%d,\"name\":\"%s %s\",\"sku\":\"RH-%05d\",\"price\":",
            i + 1, i % N_CATEGORIES + 1, PICK(ADJECTIVES, random), PICK(NOUNS, random / 16),
            10000 + i * 7);
        add_money(buf, rows->prices_cents[i]);
        rh_buf_addf(buf, ",\"stock\":%d,\"active\":%s}\n", (int)(random / 512 % 250),
                    random % 17 ? "true" : "false");
    }
}

static void write_customers(const struct rh_demo_rows *rows, struct rh_buf *buf)
{
    uint64_t state = 3;

    (void)rows;
    for (int i = 0; i < N_CUSTOMERS; i++) {
        uint64_t random = next_random(&state);
        rh_buf_addf(buf, "{\"id\":%d,\"name\":\"%s %s\",\"email\":\"customer%d@example.com\"",
                    i + 1, PICK(FIRST, random), PICK(LAST, random / 24), i + 1);
        if (random % 25)
            rh_buf_addf(buf, ",\"country\":\"%s\"", PICK(COUNTRIES, random / 480));
        if (random % 3 == 0)
            rh_buf_addf(buf, ",\"phone\":\"+47 %03d %02d %03d\"", (int)(random / 7 % 1000),
                        (int)(random / 11 % 100), (int)(random / 13 % 1000));
        rh_buf_add_str(buf, ",\"created_at\":");
        add_time(buf, FIRST_SECOND - (int64_t)(random % 31536000));
        rh_buf_add_str(buf, "}\n");
    }
}

static void write_orders(const struct rh_demo_rows *rows, struct rh_buf *buf)
{
    for (int i = 0; i < N_ORDERS; i++) {
        const struct order *order = &rows->orders[i];
        rh_buf_addf(buf, "{\"id\":%d,\"customer_id\":%d,\"status\":\"%s\",\"total\":", i + 1,
                    order->customer, STATUSES[order->status]);
        add_money(buf, order->total_cents);
        if (i % 9 == 0)
            rh_buf_add_str(buf, i % 18 ? ",\"note\":\"Gift wrap, please\""
                                       : ",\"note\":\"Leave it at the door\"");
        rh_buf_add_str(buf, ",\"created_at\":");
        add_time(buf, order->second);
        rh_buf_add_str(buf, "}\n");
    }
}

static void write_items(const struct rh_demo_rows *rows, struct rh_buf *buf)
{
    for (int i = 0; i < N_ORDERS; i++) {
        for (int k = 0; k < rows->orders[i].n_items; k++) {
            const struct item *item = &rows->orders[i].items[k];
            rh_buf_addf(buf,
                        "{\"order_id\":%d,\"line\":%d,\"product_id\":%d,\"quantity\":%d,\"price\":",
                        i + 1, k + 1, item->product, item->quantity);
            add_money(buf, item->cents);
            rh_buf_add_str(buf, "}\n");
        }
    }
}

static void write_reviews(const struct rh_demo_rows *rows, struct rh_buf *buf)
{
    uint64_t state = 4;

    for (int i = 0; i < N_REVIEWS; i++) {
        uint64_t random = next_random(&state);
        const struct order *order = &rows->orders[random % N_ORDERS];
        rh_buf_addf(buf, "{\"id\":%d,\"product_id\":%d,\"customer_id\":%d,\"rating\":%d", i + 1,
                    order->items[0].product, order->customer,
                    (int)(5 - random / 3 % 9 * random / 5 % 5));
        if (random % 4)
            rh_buf_addf(buf, ",\"body\":\"%s\"", PICK(OPINIONS, random / 4));
        rh_buf_add_str(buf, ",\"created_at\":");
        add_time(buf, order->second + 864000);
        rh_buf_add_str(buf, "}\n");
    }
}

void rh_demo_rows_write(const struct rh_demo_rows *rows, unsigned position, struct rh_buf *buf)
{
    static void (*const writers[N_TABLES])(const struct rh_demo_rows *, struct rh_buf *) = {
        write_categories, write_products, write_customers,
        write_orders,     write_items,    write_reviews};

    writers[position](rows, buf);
}
