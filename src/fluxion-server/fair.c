#include "fluxion-server/fair.h"

void fair_init (struct fair *f)
{
    pthread_mutex_init (&f->mutex, NULL);
    pthread_cond_init (&f->next, NULL);
    f->asked = 0;
    f->served = 1;
}

void fair_fini (struct fair *f)
{
    pthread_mutex_destroy (&f->mutex);
    pthread_cond_destroy (&f->next);
}

void fair_lock (struct fair *f)
{
    pthread_mutex_lock (&f->mutex);
    uint64_t mine = ++f->asked;
    while (f->served != mine)
        pthread_cond_wait (&f->next, &f->mutex);
    pthread_mutex_unlock (&f->mutex);
}

void fair_unlock (struct fair *f)
{
    pthread_mutex_lock (&f->mutex);
    f->served++;
    pthread_cond_broadcast (&f->next);
    pthread_mutex_unlock (&f->mutex);
}

uint64_t fair_count (struct fair *f)
{
    pthread_mutex_lock (&f->mutex);
    uint64_t n = f->asked + 1 - f->served;
    pthread_mutex_unlock (&f->mutex);
    return n;
}
