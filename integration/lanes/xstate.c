/*
 * Preloaded into the user-mode kernel: lets it run on processors with AMX.
 *
 * Before Linux 6.10 a user-mode kernel keeps 2,696 bytes of a program's extended registers and hands the
 * host just those.  A host whose processor has more state refuses a short write with EFAULT, and the
 * kernel panics before its first program.  What lies beyond are AMX tiles, which no program in there may
 * use, so the missing part is written as zeros.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

static long (*host_ptrace)(int, pid_t, void *, void *);
static char whole[16384]; /* more than any processor has; the host takes what it needs */

__attribute__((constructor)) static void find_ptrace(void)
{
    host_ptrace = (long (*)(int, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    pid_t pid;
    void *address, *data;

    va_start(arguments, request);
    pid = va_arg(arguments, pid_t);
    address = va_arg(arguments, void *);
    data = va_arg(arguments, void *);
    va_end(arguments);
    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
        struct iovec *given = data, padded = {whole, sizeof whole};

        if (given->iov_len < sizeof whole) {
            memcpy(whole, given->iov_base, given->iov_len);
            return host_ptrace(request, pid, address, &padded);
        }
    }
    return host_ptrace(request, pid, address, data);
}
