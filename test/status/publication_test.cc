// SPDX-License-Identifier: Apache-2.0
#include "status/publication.h"

#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <sys/mman.h>
#include <thread>

#include "test/support/catch.h"

namespace culvert {
namespace {

TEST_CASE("a reader sees the latest text, and nothing before the first") {
  PublicationWriter writer(100);
  const PublicationReader reader(writer.fd());
  CHECK_FALSE(reader.read().has_value());
  for (const char* text : {"one", "", "seventeen letters", "exactly8"}) {
    REQUIRE(writer.publish(text));
    CHECK(reader.read()->text == text);
  }
  CHECK(reader.read()->number == 4);
}

TEST_CASE("a text that does not fit is refused and counted; the one before stays") {
  PublicationWriter writer(10);
  const PublicationReader reader(writer.fd());
  REQUIRE(writer.publish("0123456789"));
  CHECK_FALSE(writer.publish("0123456789x"));
  CHECK(reader.read()->text == "0123456789");
  CHECK(writer.gauge().failures.read() == 1);
  CHECK(writer.gauge().used.read() == 10);
}

TEST_CASE("whoever has the descriptor can read the memory and not write it") {
  PublicationWriter writer(100);
  const std::string path = "/proc/self/fd/" + std::to_string(writer.fd().get());
  const Fd again(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(again.valid());
  CHECK(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0) == MAP_FAILED);
  CHECK(::write(again.get(), "x", 1) == -1);
  CHECK(::ftruncate(again.get(), 0) == -1);
  void* view = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, again.get(), 0);
  REQUIRE(view != MAP_FAILED);
  CHECK(::mprotect(view, 4096, PROT_READ | PROT_WRITE) == -1);
  ::munmap(view, 4096);
}

TEST_CASE("memory that is no publication is refused") {
  const Mapping zeroes = Mapping::shared(4096, "test-zeroes");
  CHECK_THROWS_AS(PublicationReader(zeroes.fd()), SetupError);
}

TEST_CASE("no read is torn while texts are published as fast as can be") {
  PublicationWriter writer(4096);
  const PublicationReader reader(writer.fd());
  std::atomic<bool> stop{false};
  writer.publish("a");
  std::thread publisher([&] {
    for (std::size_t i = 1; !stop.load(std::memory_order_relaxed); ++i) {
      writer.publish(std::string(1 + i * 37 % 4096, static_cast<char>('a' + i % 26)));
      if (i % 8 == 0) std::this_thread::yield();
    }
  });
  int reads = 0, torn = 0;
  std::uint64_t last = 0;
  // Until the two threads have really met: thousands of texts published, thousands read.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while ((reads < 5000 || last < 5000) && std::chrono::steady_clock::now() < end) {
    const auto text = reader.read();
    if (!text) continue;
    ++reads;
    const bool is_whole = text->text.find_first_not_of(text->text.front()) == std::string::npos &&
                          text->text.size() == 1 + (text->number - 1) * 37 % 4096;
    if (!is_whole || text->number < last) ++torn;
    last = text->number;
  }
  stop = true;
  publisher.join();
  CHECK(torn == 0);
  CHECK(reads >= 5000);
  CHECK(last >= 5000);
}

}  // namespace
}  // namespace culvert
