// SPDX-License-Identifier: Apache-2.0
#include "agent/confine.h"

#include <cap-ng.h>
#include <cerrno>
#include <csignal>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/result.h"

namespace culvert {
namespace {

constexpr int kAllowed[] = {
    // Sockets and files that are open.
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(shutdown), SCMP_SYS(close),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(fcntl),
    SCMP_SYS(fstat), SCMP_SYS(lseek),
    // Waiting.
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(timerfd_settime), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(futex), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
    // Memory (mmap and mprotect have their own rules).
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    // Itself.
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(tgkill), SCMP_SYS(getrandom), SCMP_SYS(exit), SCMP_SYS(exit_group)};

/// libseccomp's functions return a negative errno.
void expect(int result, const char* what) {
  if (result >= 0) return;
  throw SetupError(Error{what, -result, "the agent serves only when it is confined"});
}

void limit(__rlimit_resource resource, rlim_t value) {
  const rlimit limits{value, value};
  if (::setrlimit(resource, &limits) != 0) throw SetupError(errno_error("limiting the agent's resources"));
}

void become(const std::string& account) {
  const struct passwd* entry = ::getpwnam(account.c_str());
  if (entry == nullptr) {
    throw SetupError(Error{"there is no user " + account, 0, "set system.user to an unprivileged account"});
  }
  if (::setgroups(0, nullptr) != 0 || ::setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
      ::setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0) {
    throw SetupError(errno_error("becoming the user " + account));
  }
}

}  // namespace

void close_descriptors_from(int first) {
  if (::syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0U) != 0) {
    throw SetupError(errno_error("closing the core's descriptors", "Linux 5.9 or later is needed"));
  }
}

void drop_privileges(const std::string& account) {
  limit(RLIMIT_NOFILE, 256);
  limit(RLIMIT_CORE, 0);
  if (::geteuid() == 0) become(account);
  ::capng_clear(CAPNG_SELECT_ALL);
  // The bounding set needs CAP_SETPCAP to be lowered, which is gone with root; no_new_privs makes it mean nothing.
  if (::capng_apply(CAPNG_SELECT_CAPS) != 0) throw SetupError(errno_error("dropping the agent's capabilities"));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw SetupError(errno_error("setting no_new_privs"));
}

bool die_with_parent(int parent) {
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    throw SetupError(errno_error("setting the parent-death signal"));
  return ::getppid() == parent;
}

void allow_only_serving() {
  const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == nullptr) throw SetupError(Error{"making the agent's seccomp filter", ENOMEM, ""});
  for (const int call : kAllowed) expect(::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0), "allowing a system call");
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
    expect(::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, not_executable), "allowing a system call");
  }
  const scmp_arg_cmp non_blocking{1, SCMP_CMP_EQ, FIONBIO, 0};
  expect(::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, non_blocking), "allowing a system call");
  const int loaded = ::seccomp_load(filter);
  ::seccomp_release(filter);
  expect(loaded, "loading the agent's seccomp filter");
}

}  // namespace culvert
