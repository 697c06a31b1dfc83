/* Runs the conversation on a Cortex-M3: vector table, start-up code, and an exit
   status for the host through semihosting. `cargo xtask firmware` runs it under
   QEMU. */

#include <stdint.h>

#include "conversation.h"

int main(void);
void reset(void);

/* From firmware.ld. */
extern uint32_t stack_top[], data_start[], data_end[], data_load[], bss_start[], bss_end[];

/* Ends the image with a status for the host. */
static void leave(uint32_t status) {
    const uint32_t block[2] = {0x20026, status};
    register uint32_t operation __asm__("r0") = 0x20;
    register const uint32_t *argument __asm__("r1") = block;
    for (;;) {
        __asm__ volatile("bkpt #0xab" : "+r"(operation) : "r"(argument) : "memory");
    }
}

int main(void) {
    return conversation() == 0 ? 0 : 1;
}

void reset(void) {
    uint32_t *to = data_start;
    const uint32_t *from = data_load;
    while (to < data_end) {
        *to++ = *from++;
    }
    for (to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    leave((uint32_t)main());
}

static void fault(void) {
    leave(102);
}

/* Stack, reset, NMI, hard fault, and the three faults that escalate to it. */
__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    (void (*)(void))stack_top, reset, fault, fault, fault, fault, fault,
};
