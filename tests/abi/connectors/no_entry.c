/* A shared object, but no connector. */
#include <rowhouse/connector.h>

RH_EXPORT int answer(void);

int answer(void)
{
    return 42;
}
