// SPDX-License-Identifier: Apache-2.0
// Addresses that follow each other: how they are written, counted and found.
#include "config/address_span.h"

#include <limits>
#include <vector>

#include "test/support/catch.h"

using namespace culvert;

TEST_CASE("a span is one address, two ends, or a prefix with all of its addresses") {
  struct Row {
    const char* text;
    const char* printed;
    std::uint64_t count;
    const char* last_but_one;  ///< of several
  };
  const std::vector<Row> rows = {
      {"192.0.2.1", "192.0.2.1", 1, ""},
      {"192.0.2.1/32", "192.0.2.1", 1, ""},
      {"192.0.2.7-192.0.2.7", "192.0.2.7", 1, ""},
      {"198.18.1.16-198.18.1.31", "198.18.1.16-198.18.1.31", 16, "198.18.1.30"},
      {"198.18.1.255-198.18.2.0", "198.18.1.255-198.18.2.0", 2, "198.18.1.255"},
      {"198.18.2.0/28", "198.18.2.0-198.18.2.15", 16, "198.18.2.14"},
      {"0.0.0.0/0", "0.0.0.0-255.255.255.255", std::uint64_t{1} << 32, "255.255.255.254"},
      {"2001:db8:9::1", "2001:db8:9::1", 1, ""},
      {"2001:DB8::/121", "2001:db8::-2001:db8::7f", 128, "2001:db8::7e"},
      {"2001:db8:0:0:ffff:ffff:ffff:ffff-2001:db8:0:1::1", "2001:db8::ffff:ffff:ffff:ffff-2001:db8:0:1::1", 3,
       "2001:db8:0:1::"},
      {"2001:db8::-2001:db8:0:0:ffff:ffff:ffff:fffe", "2001:db8::-2001:db8::ffff:ffff:ffff:fffe",
       std::numeric_limits<std::uint64_t>::max(), "2001:db8::ffff:ffff:ffff:fffd"},
      {"2001:db8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff", std::numeric_limits<std::uint64_t>::max(), ""},
      {"::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", std::numeric_limits<std::uint64_t>::max(), ""},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const AddressSpan span = parse_address_span(row.text).value();
    CHECK(to_text(span) == row.printed);
    CHECK(parse_address_span(row.printed).value() == span);
    CHECK(address_count(span) == row.count);
    CHECK(address_at(span, 0) == span.first);
    if (*row.last_but_one != '\0') CHECK(to_text(address_at(span, row.count - 2)) == row.last_but_one);
  }
  for (const char* bad :
       {"", "-", "192.0.2.1-", "-192.0.2.1", "192.0.2.1 - 192.0.2.2", "192.0.2.2-192.0.2.1", "192.0.2.1-2001:db8::1",
        "192.0.2.1-9", "192.0.2.1-192.0.2.2-192.0.2.3", "192.0.2.1/31", "192.0.2.0/", "192.0.2.0/24-192.0.2.255"}) {
    INFO(bad);
    CHECK_FALSE(parse_address_span(bad).has_value());
  }
}
