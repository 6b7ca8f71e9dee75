// SPDX-License-Identifier: Apache-2.0
// How many neighbours Culvert may ask the kernel for, by a procfs of the test's own.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "control/netlink/neighbor_requests.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

class Procfs {
 public:
  Procfs() : path_(::mkdtemp(name_)) {}
  Procfs(const Procfs&) = delete;
  Procfs& operator=(const Procfs&) = delete;
  ~Procfs() { std::filesystem::remove_all(path_); }

  void write(const std::string& family, const std::string& threshold) const {
    const std::string folder = path_ + "/sys/net/" + family + "/neigh/default";
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/gc_thresh3") << threshold << '\n';
  }
  std::size_t room() const { return kernel_neighbor_room(path_); }

 private:
  char name_[32] = "/tmp/culvert-room-XXXXXX";
  std::string path_;
};

}  // namespace

TEST_CASE("half of the smaller gc_thresh3 is ours, whether it was raised or lowered") {
  const Procfs proc;
  CHECK(proc.room() == 512);  // not shown: the default
  proc.write("ipv4", "16384");
  CHECK(proc.room() == 8192);  // a kernel without IPv6
  proc.write("ipv6", "16384");
  CHECK(proc.room() == 8192);
  proc.write("ipv6", "4096");
  CHECK(proc.room() == 2048);
  proc.write("ipv4", "128");
  CHECK(proc.room() == 64);
}

TEST_CASE("a gc_thresh3 of nearly nothing or of nonsense leaves room for one neighbour, or the default") {
  const Procfs proc;
  proc.write("ipv4", "1");
  CHECK(proc.room() == 1);
  proc.write("ipv4", "0");
  CHECK(proc.room() == 1);
  proc.write("ipv4", "many");
  CHECK(proc.room() == 512);
}
