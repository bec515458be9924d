#include "mongodb.h"
void rh_mongodb_feed_free(struct rh_mongodb_feed *feed)
{
}
