/*
 * The local admin socket: a unix stream socket (mode 0660) that takes the same requests as UDP
 *2379. On connect the node sends a WELCOME body (dataplane/wire.h, 64 bytes, cookie 0). Then, one
 *at a time:
 *
 *	request: 24 bytes and then `size` bytes          answer: 24 bytes and then `size` bytes
 *	     0    4 size                                      0    4 size
 *	     4    1 kind (enum wire_request)                  4    1 status (enum wire_status)
 *	     5    3 zero                                      5    3 zero
 *	     8    8 request id                                8    8 request id
 *	    16    8 timeout_us                               16    8 retry after, microseconds
 */
#ifndef NODE_ADMIN_H
#define NODE_ADMIN_H

enum { ADMIN_HEADER_SIZE = 24 };

#endif
