// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/cell.h"
#include "base/cpu.h"
#include "base/endian.h"
#include "base/fd.h"
#include "base/mapping.h"
#include "base/result.h"
#include "base/spsc.h"
#include "base/time.h"
#include "test/support/catch.h"

using namespace culvert;

TEST_CASE("a big-endian integer keeps the wire's bytes and converts only by name") {
  const std::array<unsigned char, 4> wire{0x12, 0x34, 0x56, 0x78};
  Be32 value;
  std::memcpy(&value, wire.data(), sizeof(value));
  CHECK(value.host() == 0x12345678U);
  CHECK(std::memcmp(&value, wire.data(), 4) == 0);
  CHECK(Be32(0x12345678U) == value);
  CHECK(Be16(1) < Be16(256));
  CHECK(Be16::from_wire(Be16(0xabcd).wire()).host() == 0xabcd);
  CHECK(alignof(Be64) == 1);
}

TEST_CASE("a descriptor is closed exactly once") {
  int raw = -1;
  {
    Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(fd.valid());
    raw = fd.get();
    Fd moved = std::move(fd);
    CHECK_FALSE(fd.valid());
    CHECK(moved.get() == raw);
    CHECK(::fcntl(raw, F_GETFD) >= 0);
  }
  CHECK(::fcntl(raw, F_GETFD) == -1);
}

TEST_CASE("an error says what, why and what to try in one line") {
  const Error error{"binding lan0 queue 0", ENOENT, "is the interface up?"};
  CHECK(error.to_string() == "binding lan0 queue 0: No such file or directory (is the interface up?)");
  const Result<int> failed = error;
  CHECK_THROWS_AS(failed.value(), SetupError);
}

TEST_CASE("a gauge remembers its peak until it is cleared") {
  Gauge gauge;
  gauge.observe(7);
  gauge.observe(3);
  CHECK(gauge.used.read() == 3);
  CHECK(gauge.peak.read() == 7);
  gauge.clear_peak();
  CHECK(gauge.peak.read() == 3);
}

TEST_CASE("a ring refuses the item that does not fit and keeps the order") {
  SpscRing<int, 4> ring;
  for (int i = 0; i < 4; ++i) CHECK(ring.push(i));
  CHECK_FALSE(ring.push(4));
  int item = -1;
  for (int i = 0; i < 4; ++i) {
    REQUIRE(ring.pop(item));
    CHECK(item == i);
  }
  CHECK_FALSE(ring.pop(item));
}

TEST_CASE("a mapping is zeroed, at least as large as asked, and says its pages") {
  const Mapping mapping = Mapping::anonymous(5 << 20, HugePages::kTry, "a test");
  CHECK(mapping.size() >= std::size_t{5} << 20);
  for (std::size_t at = 0; at < mapping.size(); at += 4096) CHECK(mapping.bytes()[at] == std::byte{0});
  CHECK_FALSE(page_kind_text(mapping.pages()).empty());
}

TEST_CASE("a shared mapping is seen by a read-only view of its descriptor") {
  const Mapping writer = Mapping::shared(4096, "culvert-test");
  writer.bytes()[17] = std::byte{42};
  const Mapping reader = Mapping::read_only(writer.fd());
  CHECK(reader.bytes()[17] == std::byte{42});
}

TEST_CASE("shareable memory is one memory for two mappings, on the pages that it says") {
  const auto huge = GENERATE(HugePages::kTry, HugePages::kNever);
  const Mapping one = Mapping::shareable(5 << 20, huge, "a test");
  CHECK(one.size() >= std::size_t{5} << 20);
  for (std::size_t at = 0; at < one.size(); at += 4096) REQUIRE(one.bytes()[at] == std::byte{0});
  // Without huge pages that can be shared it is private; small ones always can.
  if (!one.fd()) {
    CHECK(huge == HugePages::kTry);
    return;
  }
  const Mapping other = Mapping::of(Fd(::dup(one.fd().get())), one.pages());
  CHECK(other.size() == one.size());
  CHECK(other.data() != one.data());
  one.bytes().back() = std::byte{7};
  CHECK(other.bytes().back() == std::byte{7});
}

TEST_CASE("a file that another leaves to us is mapped if it is of the size, and stays the caller's") {
  const Mapping left = Mapping::shared(8192, "culvert-test");
  bool kept = true;
  CHECK(Mapping::file_of(left.fd().get(), 4096, kept).size() == 0);
  CHECK_FALSE(kept);
  const Mapping taken = Mapping::file_of(left.fd().get(), 8192, kept);
  REQUIRE(kept);
  left.bytes()[4711] = std::byte{1};
  CHECK(taken.bytes()[4711] == std::byte{1});
  CHECK(taken.fd().get() != left.fd().get());
}

TEST_CASE("a thread that kept off CPUs may have them back") {
  std::vector<int> before, after;
  std::thread([&] {
    before = allowed_cpus();
    keep_this_thread_off({before.front()});
    let_this_thread_run_on(before);
    after = allowed_cpus();
  }).join();
  CHECK(after == before);
}

TEST_CASE("a thread keeps off CPUs as long as others are left") {
  std::vector<int> before, without_first, without_any;
  std::thread([&] {
    before = allowed_cpus();
    keep_this_thread_off({before.front()});
    without_first = allowed_cpus();
    keep_this_thread_off(before);
    without_any = allowed_cpus();
  }).join();
  const std::vector<int> others(before.begin() + 1, before.end());
  CHECK(without_first == (others.empty() ? before : others));
  CHECK(without_any == without_first);
}

TEST_CASE("clocks go forward and this thread may be pinned to an allowed CPU only") {
  const Now before = monotonic_ns();
  CHECK(monotonic_ns() >= before);
  const auto cpus = allowed_cpus();
  REQUIRE_FALSE(cpus.empty());
  CHECK(pin_this_thread(cpus.front()).has_value());
  const auto refused = pin_this_thread(1000);
  REQUIRE(refused.has_error());
  CHECK(refused.error().hint.find("system.workers") != std::string::npos);
}
