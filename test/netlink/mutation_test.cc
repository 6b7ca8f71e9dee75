// SPDX-License-Identifier: Apache-2.0
// Bytes that the kernel would never send: nothing may crash, and nothing is read past a message's end (each lies at the
// end of memory of its own size, so the address sanitizer sees it).
#include <cstdio>
#include <cstdlib>
#include <random>

#include "test/netlink/mirror_fixture.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

std::vector<Message> all_kinds() {
  std::vector<Message> messages;
  messages.push_back(link_message({3, "wan0", IFF_UP | IFF_LOWER_UP, 1450, "veth"}));
  messages.push_back(link_message({5, "wan0.7", IFF_UP, 1450, "vlan"}));
  messages.push_back(link_message({5, "wan0.7"}, true));
  messages.push_back(address_message(3, "198.18.0.5", 24));
  messages.push_back(address_message(2, "2001:db8::5", 64, true));
  messages.push_back(
      route_message({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .mtu = 1400, .source = "198.18.0.1"}));
  messages.push_back(route_message({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}, {2, "2001:db8::9", 7}}}));
  messages.push_back(route_message({.prefix = "10.0.0.0/9", .object = 20}));
  messages.push_back(route_message(
      {.prefix = "2001:db8:1::/48", .hops = {{2, "2001:db8::2"}, {2, "2001:db8::3"}}, .flags = NLM_F_REPLACE}));
  messages.push_back(route_message({.prefix = "2001:db8:1::/48", .hops = {{2, "2001:db8::2"}}, .flags = NLM_F_APPEND}));
  messages.push_back(route_message({.prefix = "10.0.0.0/8", .hops = {{3, "198.18.0.9"}}, .removed = true}));
  messages.push_back(neighbor_message(3, "198.18.0.9", NUD_REACHABLE, 9, false, NTF_EXT_MANAGED));
  messages.push_back(neighbor_message(2, "2001:db8::9", NUD_FAILED, 0, true));
  messages.push_back(object_message(10, {3, "198.18.0.9"}));
  messages.push_back(object_message(20, {}, {{10, 3}, {11, 1}}));
  messages.push_back(object_message(10, {}, {}, true));
  return messages;
}

}  // namespace

TEST_CASE("mutated and truncated messages never crash the mirror") {
  const char* const given = std::getenv("CULVERT_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atol(given)) : std::random_device{}();
  std::printf("seed %u\n", seed);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::vector<Message> kinds = all_kinds();
  Mirror mirror;
  std::size_t unchanged = 0;
  for (int i = 0; i < 200'000; ++i) {
    const nlmsghdr& original = kinds[random() % kinds.size()];
    const auto* bytes = static_cast<const std::byte*>(static_cast<const void*>(&original));
    std::size_t size = original.nlmsg_len;
    if (random() % 4 == 0) size = sizeof(nlmsghdr) + random() % (size - sizeof(nlmsghdr) + 1);
    // new[] of std::byte is aligned for any header; its end is the message's end.
    std::vector<std::byte> copy(bytes, bytes + size);
    for (auto flips = random() % 4; flips > 0 && size > sizeof(nlmsghdr); --flips)
      copy[sizeof(nlmsghdr) + random() % (size - sizeof(nlmsghdr))] = static_cast<std::byte>(random());
    auto* header = static_cast<nlmsghdr*>(static_cast<void*>(copy.data()));
    header->nlmsg_len = static_cast<std::uint32_t>(size);
    mirror.send(*header, random() % 3 == 0);
    unchanged += size == original.nlmsg_len ? 1U : 0U;
    if (random() % 1000 == 0) mirror.model.begin_resync();
  }
  CHECK(unchanged > 0);
  CHECK(mirror.model.malformed() > 1000);
  for (int part = 0; part < static_cast<int>(DumpPart::kCount); ++part) {
    mirror.model.begin_resync();
    while (!mirror.model.sweep(static_cast<DumpPart>(part), 100)) {
    }
  }
  while (mirror.model.work(100)) {
  }
  CHECK(mirror.sink.routes.empty());
  CHECK(mirror.sink.entries.size() == 5);  // the ones that exist once
}
