/* A client's whole session with a scripted server, in C99 without a C library. */

#ifndef CONVERSATION_H
#define CONVERSATION_H

/* 0 if all went as scripted, or else the line of conversation.c that found
   otherwise. */
int conversation(void);

#endif
