/* SPDX-License-Identifier: MIT
 *
 * What the machine and this process have of memory, and its clock.
 */
#ifndef LIBTRAIN_MACHINE_H
#define LIBTRAIN_MACHINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Seconds of a clock that nobody sets, from some time on. */
double tr_machine_seconds(void);

/* Resident bytes of this process now, and at their peak (VmHWM).  0 where unknown. */
int64_t tr_machine_resident(void);
int64_t tr_machine_resident_peak(void);

/* Bytes that may still be taken: the least of MemAvailable, what is left under the limits
 * of all control groups above this process, and under `ulimit -v` and `ulimit -d`.  INT64_MAX
 * where unknown. */
int64_t tr_machine_memory_available(void);

/* Estimate of what the program takes beside its tensors and the buffers of libraries: what
 * is resident now without the pages of mapped files, and the code that will run. */
int64_t tr_machine_program_bytes(void);

#ifdef __cplusplus
}
#endif
#endif
