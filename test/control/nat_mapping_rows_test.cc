// SPDX-License-Identifier: Apache-2.0
// Mappings of NAT as people read them, and requests about them.
#include "control/nat_mapping_rows.h"

#include <boost/json/parse.hpp>

#include "base/time.h"
#include "control/nat/nat_memory.h"
#include "test/support/address_book.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

constexpr Now kBegin = 5000 * kNanosecondsPerSecond;

/// Some mappings of one worker: of 198.18.0.N:1000+N by UDP, and of 2001:db8::N by TCP.
struct Box {
  Box() : memory({4, 1000, HugePages::kNever}, 0, 1) {
    for (std::uint8_t i = 1; i <= 5; ++i) {
      FiveTuple4 key4{{Be32(0xc6120000U + i)}, {Be32(0xc0000201U)}, Be16(std::uint16_t(1000 + i)), Be16(53), 17, 0, 0};
      FiveTuple4 reply4 = key4.reversed();
      reply4.destination = {Be32(0xc6120164U)};
      reply4.destination_port = Be16(std::uint16_t(40'000 + i));
      begin(key4, reply4, i);
      FiveTuple6 key6{};
      key6.source.bytes = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, i};
      key6.source_port = Be16(std::uint16_t(2000 + i));
      key6.protocol = 6;
      FiveTuple6 reply6 = key6.reversed();
      reply6.destination.bytes[0] = 0x20;
      reply6.destination_port = Be16(std::uint16_t(50'000 + i));
      begin(key6, reply6, 1);
    }
  }

  /// `sessions`: with as many different addresses; all but one have had packets from inside.
  template <typename Tuple>
  void begin(Tuple original, const Tuple& reply, int sessions) {
    NatBindings& bindings = *memory.bindings();
    const FlowSlot mapping = bindings.begin(original, reply, kBegin);
    REQUIRE(mapping != kNoFlow);
    for (int i = 1; i < sessions; ++i) {
      bindings.mappings<Tuple>().hold(mapping);
      bindings.open(mapping, original, true, kBegin);
      original.destination = original.source;  // somebody else, who has an entry of his own
    }
  }

  std::vector<NatMappingRow> all(SessionQuery which, std::size_t limit = 1000) {
    std::vector<NatMappingRow> rows;
    SessionPageQuery query{std::move(which), limit, ""};
    for (;;) {
      const auto page = nat_mapping_page({&memory.tables().tables}, query, 5030);
      REQUIRE(page.has_value());
      rows.insert(rows.end(), page->mappings.begin(), page->mappings.end());
      if (!page->next) return rows;
      query.after = *page->next;
    }
  }
  /// As a client asks for them.
  std::size_t count(const std::string& request) {
    const auto query = nat_mapping_page_query_in(boost::json::parse(request).as_object());
    REQUIRE(query.has_value());
    return all(query->which).size();
  }

  NatMemory memory;
};

std::string refused(const Result<SessionQuery>& query) {
  return query.has_error() ? query.error().what : "taken";
}
Result<SessionQuery> clearing(const std::string& request) {
  return nat_mapping_clear_query_in(boost::json::parse(request).as_object());
}

TEST_CASE("a mapping is told with its ends and its sessions, and what is no mapping is not") {
  Box box;
  for (const std::size_t limit : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
    CHECK(box.all({}, limit).size() == 10);
  }
  SessionQuery which;
  which.inside_port = 1003;
  const auto rows = box.all(which);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].protocol == "udp");
  CHECK(rows[0].inside == "198.18.0.3");
  CHECK(rows[0].inside_port == 1003);
  CHECK(rows[0].outside == "198.18.1.100");
  CHECK(rows[0].outside_port == 40'003);
  CHECK(rows[0].sessions == 3);
  CHECK(rows[0].open_sessions == 2);
  CHECK(rows[0].age_s == 30);
}

TEST_CASE("each part of a request about mappings leaves those that fit") {
  Box box;
  CHECK(box.count("{}") == 10);
  CHECK(box.count(R"({"inside": "198.18.0.2"})") == 1);
  CHECK(box.count(R"({"inside": "198.18.0.0/30"})") == 3);
  CHECK(box.count(R"({"inside": "2001:db8::/64"})") == 5);
  CHECK(box.count(R"({"external": "198.18.1.100"})") == 5);
  CHECK(box.count(R"({"external": "198.18.1.101"})") == 0);
  CHECK(box.count(R"({"protocol": "tcp"})") == 5);
  CHECK(box.count(R"({"family": "ipv4"})") == 5);
  CHECK(box.count(R"({"port": 2002})") == 1);
  CHECK(box.count(R"({"external_port": 50002})") == 1);
  CHECK(box.count(R"({"external_port": 50002, "family": "ipv4"})") == 0);
}

TEST_CASE("what is cleared is said, and nothing else is taken") {
  CHECK(refused(clearing("{}")) == "nothing says which mappings: that would be all of them");
  CHECK(refused(clearing(R"({"all": true, "port": 7})")) == "all mappings, and a filter: which of both?");
  CHECK(refused(clearing(R"({"destination": "198.18.0.1"})")) == "\"destination\" is not understood here");
  CHECK(refused(clearing(R"({"port": 0})")) == "\"port\" must be a port, 1 to 65535");
  CHECK(refused(clearing(R"({"inside": "198.18.0.1", "external": "2001:db8::1"})")) ==
        "IPv4 and IPv6 are asked for together: no session is both");
  const auto all = clearing(R"({"all": true})");
  REQUIRE(all.has_value());
  CHECK((all->mapped && all->is_any()));
  const auto some = clearing(R"({"inside": "198.18.0.1", "port": 5060, "external_port": 40000})");
  REQUIRE(some.has_value());
  CHECK((some->mapped && some->inside_port == 5060 && some->external_port == 40'000 && some->source.has_value()));
}

}  // namespace
}  // namespace culvert
