/*
 * What each signal does to quoind, as quoind(8) says it.
 */
#ifndef NODE_SIGNALS_H
#define NODE_SIGNALS_H

/*
 * From here on TERM, INT and XCPU ask for the end, those that a service meets and has no use for do
 * nothing, and an error takes the place of PIPE and XFSZ. Whatever the parent had blocked is open.
 */
void signals_begin(void);

/* How often the end was asked for: 0, 1, or 2 and more. */
int signals_stops(void);

/* By which signal, the last time. */
int signals_last(void);

#endif
