// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/service_manager.h"
#include "base/spawn.h"
#include "test/support/catch.h"

using namespace culvert;

TEST_CASE("a spawned process has the descriptors that it is given, and only those") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  Spawn shell(ProcessGroup::kOurs);
  shell.give(writing, 9);
  int pid = 0;
  REQUIRE(shell.spawn(pid, "/bin/sh", {"-c", "[ -e /proc/self/fd/" + std::to_string(ends[0]) + " ] || echo yes >&9"}) ==
          0);
  writing.reset();
  std::array<char, 8> said{};
  CHECK(::read(reading.get(), said.data(), said.size()) == 4);
  CHECK(std::string(said.data(), 3) == "yes");
  int status = 1;
  CHECK(::waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
}

TEST_CASE("whoever supervises hears what it asked for, and others are not bothered") {
  ::unsetenv("NOTIFY_SOCKET");
  tell_service_manager("READY=1");
  const Fd manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "culvert-test-" + std::to_string(::getpid());
  name.copy(address.sun_path + 1, name.size());
  const void* at = &address;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  REQUIRE(::bind(manager.get(), static_cast<const sockaddr*>(at), size) == 0);
  ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  tell_service_manager("MAINPID=12");
  ::setenv("NOTIFY_SOCKET", "@nobody-listens-here", 1);
  tell_service_manager("READY=1");
  ::unsetenv("NOTIFY_SOCKET");
  std::array<char, 32> heard{};
  CHECK(::recv(manager.get(), heard.data(), heard.size(), MSG_DONTWAIT) == 10);
  CHECK(std::string(heard.data()) == "MAINPID=12");
}
