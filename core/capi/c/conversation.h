/* A client's session with a scripted server, in C99 without a C library. */

#ifndef CONVERSATION_H
#define CONVERSATION_H

/* Returns 0, or the line of the first failed check in conversation.c. */
int conversation(void);

#endif
